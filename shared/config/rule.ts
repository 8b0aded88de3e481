import { createFault, type Fault } from './fault.ts';

/** What a rule over several keys may look at, and how it speaks. */
export interface RuleContext {
  /** The expanded file; anything in it may be missing or wrong. */
  readonly tree: unknown;
  readonly isLoopbackAllowed: boolean;
  /** Content of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
  /** Notes a fault. */
  readonly refuse: (path: string, found: string, accepted: string) => void;
}

export type Rule = (context: RuleContext) => void;

/** Runs rules; every one speaks, whatever the others found. */
export function runRules(rules: readonly Rule[], context: Omit<RuleContext, 'refuse'>): Fault[] {
  const faults: Fault[] = [];
  const refuse: RuleContext['refuse'] = (path, found, accepted) => {
    faults.push(createFault(path, found, accepted));
  };
  for (const rule of rules) rule({ ...context, refuse });
  return faults;
}
