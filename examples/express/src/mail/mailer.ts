/** A mail with one link. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
  link: string;
}

/** Sends mails. Write one for your provider, and give it to the site in `main.ts`. */
export interface Mailer {
  send(mail: Mail): Promise<void>;
}
