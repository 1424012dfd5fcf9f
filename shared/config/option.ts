/**
 * The building blocks of the configuration schemas: zod schemas that know what a user has to be told about them.
 *
 * Invariant: what an option allows is said once. The schema that checks it, the words of a problem, the reference page
 * and the example files come from the same call. Missing values are defaults; an absent optional value is null.
 */
import { z } from "zod";

export type Unit =
  | "ms"
  | "bytes"
  | "bytes/s"
  | "requests/s"
  | "requests"
  | "events"
  | "streams"
  | "connections";

/** What a schema tells besides checking values. */
export interface OptionMeta {
  /** One or two sentences for the reference page. */
  readonly doc: string;
  /** What may stand there, in words, after "allowed:". */
  readonly allowed: string;
  readonly unit?: Unit;
  /** Whether a running node could take a new value; what holds a socket or a key cannot be changed so. */
  readonly reloadable: boolean;
  /** What holds if the option is not given, as the file would spell it; null: nothing; absent: it must be given. */
  readonly default?: unknown;
  /** For the example files, where there is no default or another value says more. */
  readonly example?: unknown;
  /** The example files give it although it may be absent: nearly every node needs it. */
  readonly isUsual?: boolean;
  /** Values are never shown. */
  readonly isSecret?: boolean;
  /** A path, taken from the folder of the configuration file. */
  readonly isFile?: boolean;
  readonly list?: { readonly min: number; readonly max: number; readonly uniqueBy: readonly string[] };
}

export const OPTION_META = z.registry<OptionMeta>();

/** @throws {TypeError} for a schema that was not made here */
export function metaOf(schema: z.ZodType): OptionMeta {
  const meta = OPTION_META.get(schema);
  if (meta === undefined) throw new TypeError("not an option");
  return meta;
}

/** What an option is once defaults are taken off. */
export type OptionShape =
  | { readonly kind: "section"; readonly options: Readonly<Record<string, z.ZodType>> }
  | { readonly kind: "list"; readonly element: z.ZodType }
  | { readonly kind: "value" };

export function shapeOf(schema: z.ZodType): OptionShape {
  let inner: unknown = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodNullable) {
    inner = inner.unwrap();
  }
  if (inner instanceof z.ZodObject) return { kind: "section", options: inner.shape };
  if (inner instanceof z.ZodArray) return { kind: "list", element: inner.element as z.ZodType };
  return { kind: "value" };
}

/** The value of an option that is not given; undefined: it must be given. */
export function defaultOf(schema: z.ZodType): { readonly value: unknown } | undefined {
  const result = schema.safeParse(undefined);
  return result.success ? { value: result.data } : undefined;
}

interface Documented {
  doc: string;
  /** @default false */
  reloadable?: boolean;
  example?: unknown;
  /** @default false */
  isUsual?: boolean;
}

interface NumberOption extends Documented {
  min: number;
  max: number;
  /** Absent: must be given. */
  default?: number;
  unit?: Unit;
}

export function integer(option: NumberOption): z.ZodType<number> {
  const allowed = `an integer from ${option.min} to ${option.max}`;
  return number(z.int().min(option.min).max(option.max), { ...option, allowed });
}

export function decimal(option: NumberOption): z.ZodType<number> {
  return number(z.number().min(option.min).max(option.max), {
    ...option,
    allowed: `a number from ${option.min} to ${option.max}`,
  });
}

function number(schema: z.ZodNumber, option: NumberOption & { allowed: string }): z.ZodType<number> {
  const unit = option.unit === undefined ? {} : { unit: option.unit };
  const whole = option.default === undefined ? schema : schema.default(option.default);
  return register<number>(whole, { ...base(option), allowed: option.allowed, ...unit });
}

/** Milliseconds. */
export function duration(option: Omit<NumberOption, "unit">): z.ZodType<number> {
  return integer({ ...option, unit: "ms" });
}

export function flag(option: Documented & { default: boolean }): z.ZodType<boolean> {
  return register<boolean>(z.boolean().default(option.default), {
    ...base(option),
    allowed: "true or false",
  });
}

export function choice<const Values extends readonly [string, ...string[]]>(
  values: Values,
  option: Documented & { default?: Values[number]; allowed?: string },
): z.ZodType<Values[number]> {
  const schema: z.ZodType<Values[number]> = z.enum(values);
  const whole = option.default === undefined ? schema : schema.prefault(option.default);
  return register<Values[number]>(whole, { ...base(option), allowed: option.allowed ?? values.join(", ") });
}

export interface TextOption<T> extends Documented {
  allowed: string;
  /** The value, or what is wrong with the text: a sentence without subject, without the text itself. */
  parse(text: string): T | { wrong: string };
  /** As the file would spell it; absent: must be given. */
  default?: string;
  /** @default false */
  isSecret?: boolean;
  /** @default false */
  isFile?: boolean;
}

/** A text that is read into a `T`. */
export function text<T>(option: TextOption<T>): z.ZodType<T> {
  const schema = textSchema(option);
  return register<T>(
    option.default === undefined ? schema : schema.prefault(option.default),
    textMeta(option),
  );
}

/** A text that may be absent: then null. */
export function optionalText<T>(option: Omit<TextOption<T>, "default">): z.ZodType<T | null> {
  return register<T | null>(textSchema(option).nullable().default(null), {
    ...textMeta(option),
    default: null,
  });
}

function textSchema<T>(option: Omit<TextOption<T>, "default">): z.ZodType<T, string> {
  return z.string().transform((value, context): T => {
    const parsed = option.parse(value);
    if (!isWrong(parsed)) return parsed;
    context.addIssue({ code: "custom", message: parsed.wrong });
    return z.NEVER;
  });
}

function isWrong(parsed: unknown): parsed is { wrong: string } {
  return typeof parsed === "object" && parsed !== null && "wrong" in parsed;
}

function textMeta<T>(option: TextOption<T>): OptionMeta {
  return {
    ...base(option),
    allowed: option.allowed,
    isSecret: option.isSecret ?? false,
    isFile: option.isFile ?? false,
  };
}

interface ListOption<Item> extends Documented {
  of: z.ZodType<Item>;
  min: number;
  max: number;
  /** Options of the items no two of which may have the same value. @default [] */
  uniqueBy?: readonly string[];
  /** Absent: must be given. */
  default?: Item[];
}

export function list<Item>(option: ListOption<Item>): z.ZodType<Item[]> {
  const schema = z.array(option.of).min(option.min).max(option.max);
  const { min, max, uniqueBy = [] } = option;
  const count = min === max ? `exactly ${min}` : `${min} to ${max}`;
  return register<Item[]>(option.default === undefined ? schema : schema.default(option.default), {
    ...base(option),
    allowed: `a list of ${count}: ${metaOf(option.of).allowed}`,
    list: { min, max, uniqueBy },
  });
}

/** A list that may be absent: then null. */
export function optionalList<Item>(option: Omit<ListOption<Item>, "default">): z.ZodType<Item[] | null> {
  const whole = list(option);
  return register<Item[] | null>(whole.nullable().default(null), { ...metaOf(whole), default: null });
}

/** Options under one key; the section may be left out if all of them may. */
export function section<const Shape extends z.ZodRawShape>(
  doc: string,
  shape: Shape,
): z.ZodType<z.output<z.ZodObject<Shape>>> {
  const schema = z.strictObject(shape);
  const canBeEmpty = Object.values(shape).every((option) => defaultOf(option as z.ZodType) !== undefined);
  const whole = canBeEmpty ? schema.prefault({} as z.input<typeof schema>) : schema;
  return register(whole as z.ZodType<z.output<z.ZodObject<Shape>>>, sectionMeta(doc, shape));
}

/** A section that may be absent: then null, even if all its options have defaults. */
export function optionalSection<const Shape extends z.ZodRawShape>(
  doc: string,
  shape: Shape,
): z.ZodType<z.output<z.ZodObject<Shape>> | null> {
  const schema: z.ZodType<z.output<z.ZodObject<Shape>>> = z.strictObject(shape);
  return register(schema.nullable().default(null), { ...sectionMeta(doc, shape), default: null });
}

function sectionMeta(doc: string, shape: z.ZodRawShape): OptionMeta {
  return { doc, allowed: `a section with ${Object.keys(shape).join(", ")}`, reloadable: false };
}

function base(
  option: Documented & { default?: unknown },
): Pick<OptionMeta, "doc" | "reloadable" | "default" | "example" | "isUsual"> {
  const { doc, reloadable = false, isUsual = false } = option;
  return {
    doc,
    reloadable,
    isUsual,
    ...(option.default === undefined ? {} : { default: option.default }),
    ...(option.example === undefined ? {} : { example: option.example }),
  };
}

function register<T>(schema: z.ZodType<T>, meta: OptionMeta): z.ZodType<T> {
  OPTION_META.add(schema, meta);
  return schema;
}
