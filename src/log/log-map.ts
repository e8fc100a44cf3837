export declare class LogMap {
  constructor();
  get bytes(): number;
  get chunks(): number;
}
