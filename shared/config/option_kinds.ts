/** The kinds of text that configurations hold, each with the words that say what is allowed. */
import type { z } from "zod";
import { isServerName } from "../handshake/handshake_names.ts";
import { type Address, parseAddress } from "./address.ts";
import { optionalText, text, type TextOption } from "./option.ts";

type Documented = Pick<TextOption<string>, "doc" | "reloadable" | "example" | "isUsual">;

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const MAX_TEXT_LENGTH = 4096;

/** True for a name that may stand in logs, metrics and the tunnel's handshake. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** A name of a node, a key or an origin. */
export function name(option: Documented): z.ZodType<string> {
  return text({
    ...option,
    allowed: "1 to 63 lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit",
    parse: (value) => isName(value) ? value : { wrong: "is not a name" },
  });
}

/** The name that a server's certificate must bear. */
export function serverName(option: Documented): z.ZodType<string> {
  return text({
    ...option,
    allowed: "a DNS name in lower case or an IP address",
    parse: (value) => isServerName(value) ? value : { wrong: "is not the name of a server" },
  });
}

/** Where a node listens; port 0 takes any free one. */
export function listenAddress(option: Documented & { default?: string }): z.ZodType<Address> {
  return text({
    ...option,
    allowed: 'host:port, as in 0.0.0.0:443 or "[::]:443"; port 0: any that is free',
    parse: (value) => parseAddress(value, { minPort: 0 }),
  });
}

/** Where a node connects to. */
export function remoteAddress(option: Documented): z.ZodType<Address> {
  return text({
    ...option,
    allowed: 'host:port, as in core.example.com:7443 or "[2001:db8::1]:7443"',
    parse: (value) => parseAddress(value, { minPort: 1 }),
  });
}

/** An existing file; the value is its absolute path. */
export function file(option: Documented): z.ZodType<string> {
  return text(fileOption(option));
}

export function optionalFile(option: Documented): z.ZodType<string | null> {
  return optionalText(fileOption(option));
}

function fileOption(option: Documented): TextOption<string> {
  return {
    ...option,
    allowed: "the path of a file, seen from the folder of the configuration file",
    isFile: true,
    parse: (value) => value.trim() === "" || value.includes("\0") ? { wrong: "is not a path" } : value,
  };
}

/** The base URL of an HTTP server. */
export function httpUrl(option: Documented): z.ZodType<URL> {
  return text({
    ...option,
    allowed: "an http:// or https:// URL, as in http://10.0.0.5:8000",
    parse: parseHttpUrl,
  });
}

/** The URL of a server without credentials, query and fragment, or what is wrong with the text. */
export function parseHttpUrl(value: string): URL | { wrong: string } {
  const url = URL.parse(value);
  if (url === null) return { wrong: "is not a URL" };
  if (url.protocol !== "http:" && url.protocol !== "https:") return { wrong: "is not an http or https URL" };
  if (!/^https?:\/\//i.test(value)) return { wrong: "is not a URL with two slashes after its scheme" };
  if (url.username !== "" || url.password !== "") return { wrong: "holds a user name or password" };
  if (url.search !== "" || url.hash !== "") return { wrong: "holds a query or a fragment" };
  return url;
}

/** A text that is never shown: for values that `${…}` brings in. */
export function optionalSecret(option: Documented): z.ZodType<string | null> {
  return optionalText({
    ...option,
    isSecret: true,
    allowed: "1 to 4096 visible ASCII characters; better ${NAME} or ${file:PATH} than the secret itself",
    parse: (value) =>
      /^[\x21-\x7e]{1,4096}$/.test(value) ? value : { wrong: "is not a secret that a header can carry" },
  });
}

/** A text that matches a pattern. */
export function pattern(option: Documented & { allowed: string; pattern: RegExp }): z.ZodType<string> {
  return text({
    ...option,
    parse: (value) =>
      value.length <= MAX_TEXT_LENGTH && option.pattern.test(value) ? value : { wrong: "is not allowed" },
  });
}

/** A moment: a date (its first moment in UTC) or a date with time and zone (RFC 3339). */
export function optionalMoment(option: Documented): z.ZodType<Date | null> {
  return optionalText({
    ...option,
    allowed: "a date or a moment, as in 2027-01-31 or 2027-01-31T08:00:00+08:00",
    parse: parseMoment,
  });
}

function parseMoment(value: string): Date | { wrong: string } {
  const match = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d))?$/i.exec(value);
  const moment = new Date(value.toUpperCase());
  const day = new Date(`${match?.[1]}T00:00:00Z`);
  const isRealDay = !Number.isNaN(day.getTime()) && day.toISOString().startsWith(match?.[1] ?? "-");
  return isRealDay && !Number.isNaN(moment.getTime()) ? moment : { wrong: "is not a date" };
}
