import type { Address } from "./address.ts";

/** `resume_timeout_ms` → `resumeTimeoutMs`, on types. */
export type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** What a value of an option can be besides a section or a list. */
export type OptionValue = string | number | boolean | null | Address | URL | Date;

/** The tree of a configuration as code reads it: the file's, with keys in camel case. */
export type Camelized<T> = T extends OptionValue ? T
  : T extends readonly (infer Item)[] ? readonly Camelized<Item>[]
  : { readonly [Key in keyof T & string as CamelCase<Key>]: Camelized<T[Key]> };

/** A {@linkcode Camelized} tree in which what did not hold is missing. */
export type Incomplete<T> = T extends OptionValue ? T
  : T extends readonly (infer Item)[] ? readonly (Incomplete<Item> | undefined)[]
  : { readonly [Key in keyof T]?: Incomplete<T[Key]> | undefined };

/** `resume_timeout_ms` → `resumeTimeoutMs`. */
export function camelCase<Name extends string>(name: Name): CamelCase<Name> {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as CamelCase<Name>;
}
