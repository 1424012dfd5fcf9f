/**
 * A value that fits a JSON schema, as a model makes one for a tool call or a structured answer. Knows the keywords
 * that tool schemas use: `type`, `enum`, `const`, `properties`, `items`, `anyOf`, `oneOf`; `$ref` is not followed.
 */
import { mix } from "./hash.ts";
import { VOCABULARY } from "./vocabulary.ts";

/** Deeper schemas get null. */
const MAX_DEPTH = 8;
/** Properties beyond this many of one object are left out. */
const MAX_PROPERTIES = 64;

type Schema = { readonly [keyword: string]: unknown };

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeOf(schema: Schema): unknown {
  if (schema.type === undefined) return schema.properties === undefined ? "string" : "object";
  return Array.isArray(schema.type) ? schema.type[0] : schema.type;
}

function objectInstance(schema: Schema, hash: number, depth: number): Record<string, unknown> {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  const entries = Object.entries(properties).slice(0, MAX_PROPERTIES);
  return Object.fromEntries(
    entries.map(([name, part], i) => [name, instance(part, mix(hash, i + 1), depth + 1)]),
  );
}

function instance(schema: unknown, hash: number, depth: number): unknown {
  if (!isSchema(schema) || depth > MAX_DEPTH) return null;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[hash % schema.enum.length];
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return instance(choices[0], hash, depth + 1);
  switch (typeOf(schema)) {
    case "object":
      return objectInstance(schema, hash, depth);
    case "array":
      return [instance(schema.items ?? { type: "string" }, mix(hash, 1), depth + 1)];
    case "integer":
    case "number":
      return typeof schema.minimum === "number" ? schema.minimum : hash % 100;
    case "boolean":
      return hash % 2 === 0;
    case "null":
      return null;
    default:
      return (VOCABULARY[hash % VOCABULARY.length] ?? "").trim();
  }
}

/** A value for `schema` that follows from `hash`; `{}` for anything that is no schema. */
export function jsonInstance(schema: unknown, hash: number): unknown {
  return isSchema(schema) ? instance(schema, hash, 0) : {};
}
