import { signUp } from '../actions';
import { CredentialsForm } from '../credentials-form';
import { type PageWithProblem, Problem } from '../problem';

export default function SignUp({ searchParams }: PageWithProblem) {
  return (
    <>
      <h1>Sign up</h1>
      <Problem searchParams={searchParams} />
      <CredentialsForm action={signUp} password="new-password" label="Sign up" />
    </>
  );
}
