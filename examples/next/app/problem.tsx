const TEXTS = {
  email: 'Please give an e-mail address.',
  password: 'A password has 10 to 200 characters.',
  taken: 'There is an account with this e-mail already.',
  credentials: 'The e-mail or the password is wrong.',
  unavailable: 'We cannot reach our database at the moment. Please try again.',
  unknown: 'We lost our database while it was at work. Please look whether it has worked before you try again.',
};

export type ProblemName = keyof typeof TEXTS;

export interface PageWithProblem {
  searchParams: Promise<{ problem?: string | string[] }>;
}

/** What went wrong, as the address of the page names it. */
export async function Problem({ searchParams }: PageWithProblem) {
  const { problem } = await searchParams;
  const text = isName(problem) ? TEXTS[problem] : null;
  return text && <p role="alert">{text}</p>;
}

function isName(problem: unknown): problem is ProblemName {
  return typeof problem === 'string' && Object.hasOwn(TEXTS, problem);
}
