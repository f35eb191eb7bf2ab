import { signIn } from '../actions';
import { CredentialsForm } from '../credentials-form';
import { type PageWithProblem, Problem } from '../problem';

export default function SignIn({ searchParams }: PageWithProblem) {
  return (
    <>
      <h1>Sign in</h1>
      <Problem searchParams={searchParams} />
      <CredentialsForm action={signIn} password="current-password" label="Sign in" />
    </>
  );
}
