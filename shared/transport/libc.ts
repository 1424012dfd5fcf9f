/**
 * The few calls of the C library that Deno has no API for. Needs Linux and the permission to load the library:
 * `--allow-ffi`, or `--allow-ffi=` with one of `LIBC_PATHS`. What is missing is said in the result; nothing asks.
 */

/** Deno reads a bare name under a restricted permission as a file beside the program, so the paths are whole. */
export const LIBC_PATHS = [
  "/lib/x86_64-linux-gnu/libc.so.6",
  "/lib/aarch64-linux-gnu/libc.so.6",
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
] as const;

const SYMBOLS = {
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  opendir: { parameters: ["buffer"], result: "pointer" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  allocate: { name: "malloc", parameters: ["usize"], result: "usize" },
  copyTo: { name: "memcpy", parameters: ["usize", "buffer", "usize"], result: "usize" },
  free: { parameters: ["usize"], result: "void" },
  closedir: { parameters: ["pointer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** `reason` says for a log line what is missing. */
export type LibcResult<T> = { kind: "done"; value: T } | { kind: "unavailable"; reason: string };

/** Loads the library, runs `use`, unloads it: for start-up work, not for paths that run often. */
export function withLibc<T>(use: (libc: Libc) => T): LibcResult<T> {
  const loaded = loadLibc(SYMBOLS);
  if (loaded.kind === "unavailable") return loaded;
  try {
    return { kind: "done", value: use(loaded.value.symbols) };
  } finally {
    loaded.value.close();
  }
}

/** The memory of `array`, as calls take it. */
export function bytesOf(array: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer);
}

/** The C library's `usleep`, for rests that are shorter than a timer can be; null where it cannot be loaded. */
export function openLibcSleep(): ((microseconds: number) => void) | null {
  const loaded = loadLibc({ usleep: { parameters: ["u32"], result: "i32" } });
  if (loaded.kind === "unavailable") return null;
  const { usleep } = loaded.value.symbols;
  return (microseconds) => void usleep(microseconds);
}

/** The caller closes what it gets. */
function loadLibc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): LibcResult<Deno.DynamicLibrary<S>> {
  if (Deno.build.os !== "linux") return { kind: "unavailable", reason: `not on ${Deno.build.os}` };
  const isFullyAllowed = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  let reason = "no permission to load the C library (--allow-ffi)";
  for (const path of isFullyAllowed ? ["libc.so.6", ...LIBC_PATHS] : LIBC_PATHS) {
    if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") continue;
    try {
      return { kind: "done", value: Deno.dlopen(path, symbols) };
    } catch (error) {
      reason = `cannot load ${path}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return { kind: "unavailable", reason };
}
