import type { z } from 'zod';
import type { ChapAlgorithmName } from '../login/chap-algorithms.js';
import type { ConfigProblem } from './problem.js';
import { readBySchema, type ShapeOf } from './read-by-schema.js';
import { configSchema, lunSchema, lunShapeOf, type portGroupSchema, type targetSchema } from './schema.js';
import type { accessRuleSchema, redirectSchema, userSchema } from './security-schema.js';

export type DraftLun = Partial<z.output<typeof lunSchema>>;
export type DraftPortGroup = Omit<Partial<z.output<typeof portGroupSchema>>, 'portals'> & { readonly portals?: readonly (number | undefined)[] };
export type DraftUser = Partial<z.output<typeof userSchema>>;
export type DraftAccessRule = Partial<z.output<typeof accessRuleSchema>>;
export type DraftRedirect = Partial<z.output<typeof redirectSchema>>;
/** Who may log in: to a target, or to discover. */
export interface DraftChap {
  readonly users?: readonly (DraftUser | undefined)[] | undefined;
  readonly mutual?: DraftUser | undefined;
  readonly algorithms?: readonly (ChapAlgorithmName | undefined)[] | undefined;
}
export type DraftTarget = Partial<Omit<z.output<typeof targetSchema>, 'luns' | 'access' | 'port-groups' | keyof DraftChap>> &
  DraftChap & {
    readonly 'port-groups'?: readonly (DraftPortGroup | undefined)[];
    readonly luns?: readonly (DraftLun | undefined)[];
    readonly access?: readonly (DraftAccessRule | undefined)[];
  };
type ConfigOutput = z.output<typeof configSchema>;
export type Draft = Partial<Omit<ConfigOutput, 'targets' | 'portals' | 'discovery' | 'redirects'>> & {
  readonly discovery?: DraftChap;
  readonly redirects?: readonly (DraftRedirect | undefined)[];
  readonly portals?: readonly (NonNullable<ConfigOutput['portals']>[number] | undefined)[];
  readonly targets?: readonly (DraftTarget | undefined)[];
};

/** Values that are right, at their places; everything wrong is pushed to `problems`. Lists keep their indexes. */
export function readDraft(raw: unknown, problems: ConfigProblem[]): Draft {
  return (readBySchema(configSchema, raw, problems, shapeOf) ?? {}) as Draft;
}

const shapeOf: ShapeOf = (schema, raw) => ((schema as unknown) === lunSchema ? lunShapeOf(raw) : schema.shape);
