import type { Alarm, AlarmRequest, AlarmResult, Done } from './results.ts';
import { AlarmAction, AlarmType } from './results.ts';
import { ProposingCall } from './write-call.ts';
import type { WriteParts } from './write-parts.ts';
import type { Progress } from './write-queue.ts';

const CALL_BYTES = 64;

/** Maintenance.Alarm (etcd-v3.md B.9; `Alarm` of etcd's applier). Its own result. */
export class AlarmCall extends ProposingCall<AlarmResult> implements AlarmResult {
  readonly #request: AlarmRequest;
  revision = 0;
  alarms: Alarm[] = [];

  constructor(parts: WriteParts, request: AlarmRequest, done: Done<AlarmResult>) {
    super(parts, CALL_BYTES, done);
    this.#request = request;
  }

  run(): Progress {
    const { state, writer } = this.parts;
    if (state.pending.alarms) return 'wait';
    this.revision = writer.proposedRevision;
    const { action, member, alarm } = this.#request;
    switch (action) {
      case AlarmAction.get:
        this.alarms = state.alarms.list(alarm);
        return this.answer();
      case AlarmAction.activate:
        return this.#activate(member, alarm);
      case AlarmAction.deactivate:
        if (!state.alarms.has(member, alarm)) return this.answer();
        return this.#propose(member, alarm, false);
      default:
        return this.answer();
    }
  }

  protected result(): AlarmResult {
    return this;
  }

  /** Alarms of types that nobody knows are kept as well: they are shown, and refuse nothing. */
  #activate(member: bigint, alarm: number): Progress {
    const { alarms } = this.parts.state;
    if (alarm === AlarmType.none) return this.answer();
    if (alarms.has(member, alarm)) {
      this.alarms = [{ member, alarm }];
      return this.answer();
    }
    if (alarms.count >= this.parts.limits.alarmsMax) return this.fail('TooManyRequests');
    return this.#propose(member, alarm, true);
  }

  #propose(member: bigint, alarm: number, active: boolean): Progress {
    const record = { kind: 'alarm', member, alarm, active } as const;
    this.parts.writer.record(record);
    this.parts.state.pending.proposed(record);
    this.alarms = [{ member, alarm }];
    return this.seal();
  }
}
