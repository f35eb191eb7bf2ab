export interface CredentialsFormProps {
  action: (form: FormData) => Promise<void>;
  /** What a password manager fills in. */
  password: 'current-password' | 'new-password';
  label: string;
}

export function CredentialsForm({ action, password, label }: CredentialsFormProps) {
  return (
    <form action={action}>
      <label>
        E-mail
        <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete={password} required />
      </label>
      <button type="submit">{label}</button>
    </form>
  );
}
