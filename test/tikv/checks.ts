import { bankCheck } from './bank.ts';
import type { ClientCheck } from './check.ts';
import { closingChecks } from './closing.ts';
import { commitChecks } from './commits.ts';
import { deadTransactionChecks } from './dead-transactions.ts';
import { faultChecks } from './faults.ts';
import { garbageChecks } from './garbage.ts';
import { intervalCheck } from './intervals.ts';
import { outageChecks } from './outages.ts';
import { readChecks } from './reads.ts';
import { undeterminedChecks } from './undetermined.ts';

/** All that is promised of the client, for any cluster. */
export const clientChecks: readonly ClientCheck[] = [
  ...readChecks,
  ...commitChecks,
  ...deadTransactionChecks,
  ...faultChecks,
  ...undeterminedChecks,
  bankCheck,
  intervalCheck,
  ...garbageChecks,
  ...outageChecks,
  ...closingChecks,
];
