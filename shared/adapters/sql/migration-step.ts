export type Dialect = 'sqlite' | 'postgres';

/** A change of the tables that is made once. */
export interface Step {
  readonly name: string;
  /** The only dialect that needs it; both when absent. */
  readonly only?: Dialect;
  readonly statements: (dialect: Dialect) => readonly string[];
}
