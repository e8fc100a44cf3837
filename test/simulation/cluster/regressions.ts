/** A seed that found a mistake in the product once. */
export interface Regression {
  readonly seed: number;
  readonly nodes?: number;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [];
