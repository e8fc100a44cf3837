import type { DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest } from '../wire/index.ts';
import { checkDuplicates } from './duplicates.ts';
import type { Refusal } from './refusal.ts';

const SORT_ORDER_MAX = 2;
const SORT_TARGET_MAX = 4;

export function checkRange(request: RangeRequest): Refusal {
  if (request.key.length === 0) return 'EmptyKey';
  if (!isEnum(request.sortOrder, SORT_ORDER_MAX) || !isEnum(request.sortTarget, SORT_TARGET_MAX)) {
    return 'InvalidSortOption';
  }
  return undefined;
}

export function checkPut(request: PutRequest): Refusal {
  if (request.key.length === 0) return 'EmptyKey';
  if (request.ignoreValue && request.value.length !== 0) return 'ValueProvided';
  if (request.ignoreLease && request.lease !== 0n) return 'LeaseProvided';
  return undefined;
}

export function checkDeleteRange(request: DeleteRangeRequest): Refusal {
  return request.key.length === 0 ? 'EmptyKey' : undefined;
}

/** All of a transaction: operations, budgets, and the rule of duplicates for either branch. */
export function checkTxn(request: TxnRequest, opsMax: number): Refusal {
  return (
    checkOperations(request, opsMax) ??
    (hasChildOrTwo(request.success) ? checkDuplicates(request.success) : undefined) ??
    (hasChildOrTwo(request.failure) ? checkDuplicates(request.failure) : undefined)
  );
}

/** A nested transaction has what its parent left of the budget: the parent uses up its longest list. */
function checkOperations(request: TxnRequest, opsMax: number): Refusal {
  const { compare, success, failure } = request;
  const used = Math.max(compare.length, success.length, failure.length);
  if (used > opsMax) return 'TooManyOps';
  for (const one of compare) if (one.key.length === 0) return 'EmptyKey';
  return checkEach(success, opsMax - used) ?? checkEach(failure, opsMax - used);
}

function checkEach(operations: readonly RequestOp[], opsMax: number): Refusal {
  for (const operation of operations) {
    const refusal = checkOperation(operation, opsMax);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function checkOperation(operation: RequestOp, opsMax: number): Refusal {
  switch (operation.kind) {
    case 'range':
      return checkRange(operation.request);
    case 'put':
      return checkPut(operation.request);
    case 'deleteRange':
      return checkDeleteRange(operation.request);
    case 'txn':
      return checkOperations(operation.request, opsMax);
    case 'none':
      return 'KeyNotFound';
  }
}

/** One operation by itself cannot be a duplicate. */
function hasChildOrTwo(operations: readonly RequestOp[]): boolean {
  return operations.length > 1 || operations[0]?.kind === 'txn';
}

function isEnum(value: number, max: number): boolean {
  return value >= 0 && value <= max;
}
