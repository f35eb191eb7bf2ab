import { bool, key, newId, optional, type Reader, type Row, readKey, readNew, required, text, time } from './fields';
import { plainOf } from './plain';
import { Faults, refuse } from './refusal';
import { merge, one, type State, visible } from './state';

const CODE = {
  fields: {
    id: newId,
    userId: optional(key),
    code: required(text),
    used: optional(bool),
    usedAt: optional(time),
  },
  ours: ['createdAt', 'updatedAt'],
};

/** A plain string stands for a code alone. */
const readCode: Reader = (value, field, faults) =>
  typeof value === 'string' ? { code: text(value, field, faults) } : readNew(value, CODE, field, `${field}.`, faults);

const show = (row: Row) => visible(row, 'position');

export function backupCodes(state: State) {
  const ofUser = (userId: string) => [...state.backupCodes.values()].filter((code) => code.userId === userId);

  /** Whether and when a given code has been used. */
  const usage = ({ used, usedAt }: Row, at: number): Row => {
    const isUsed = used ?? usedAt !== undefined;
    return { used: isUsed, usedAt: isUsed ? (usedAt ?? state.sources.time([at, 'usedAt'])) : undefined };
  };

  return {
    async createBackupCodes(userId: unknown, codes: unknown) {
      const faults = new Faults();
      const user = readKey(userId, 'userId', faults);
      const given = plainOf(codes, 'codes', faults, 'list');
      if (given !== undefined && !Array.isArray(given)) faults.invalid('codes');
      const list = (Array.isArray(given) ? given : []).map(
        (code, at) => (readCode(code, `codes[${at}]`, faults) ?? {}) as Row,
      );
      for (const [at, code] of list.entries()) {
        if (code.userId !== undefined && code.userId !== user) faults.invalid(`codes[${at}].userId`);
        const isTwice = list.slice(0, at).some(({ id }) => id !== undefined && id === code.id);
        if (isTwice) faults.invalid(`codes[${at}].id`);
      }
      faults.settle();
      if (!state.users.has(user)) refuse('invalid_reference', 'userId');
      const isTaken = ({ id }: Row) => {
        const holder = state.backupCodes.get(id as string);
        return holder !== undefined && holder.userId !== user;
      };
      if (list.some(isTaken)) refuse('conflict', 'codes');

      const rows = list.map((code, at) =>
        merge(code, {
          id: code.id ?? state.sources.id([at, 'id']),
          userId: user,
          ...usage(code, at),
          createdAt: state.sources.time([at, 'createdAt']),
          position: at,
        }),
      );
      state.deleteWhere(state.backupCodes, (code) => code.userId === user);
      for (const row of rows) state.backupCodes.set(row.id as string, row);
      return rows.map(show);
    },

    async getBackupCodes(userId: unknown) {
      const codes = ofUser(one(userId, 'userId'));
      return codes.sort((a, b) => (a.position as number) - (b.position as number)).map(show);
    },

    async markBackupCodeUsed(id: unknown) {
      const code = state.backupCodes.get(one(id, 'id')) ?? refuse('not_found');
      if (code.used) refuse('already_used');
      code.used = true;
      code.usedAt = await state.sources.storedTime('twofa_backup_codes', 'used_at', { id: code.id });
    },
  };
}
