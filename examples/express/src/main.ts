import { readConfig } from './config.ts';
import { Outbox } from './mail/outbox.ts';
import { startSite } from './start.ts';

const config = readConfig(process.env);
if (config.isEncrypted) {
  throw new Error(
    'A site that others can reach needs a mailer of its own: write one (src/mail/mailer.ts), and give it here.',
  );
}
await startSite(config, new Outbox());
