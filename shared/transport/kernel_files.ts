/**
 * Reads /proc. Deno allows that to `--allow-all` only; with less, the C library does it where it may be loaded.
 * What cannot be read (gone, another user's) reads as null or as an empty list.
 */
import { withLibc } from "./libc.ts";

export interface KernelFiles {
  /** At most 1 MiB of text. */
  readText(path: string): string | null;
  readLink(path: string): string | null;
  list(folder: string): string[];
}

const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_LINK_BYTES = 256;
/** `struct dirent` of 64-bit glibc: its whole length stands at 16, its name, ended by a zero, at 19. */
const ENTRY_LENGTH_OFFSET = 16;
const ENTRY_NAME_OFFSET = 19;
const MAX_ENTRY_BYTES = 280;

/** Runs `use` with whichever way to /proc is allowed; null if there is none. */
export function withKernelFiles<T>(use: (files: KernelFiles) => T): T | null {
  if (Deno.build.os !== "linux") return null;
  if (orNull(() => Deno.readTextFileSync("/proc/self/stat")) !== null) return use(denoFiles);
  const result = withLibc((libc) => {
    const text = (path: string) => new TextEncoder().encode(path + "\0");
    return use({
      readText(path) {
        const descriptor = libc.open(text(path), 0);
        if (descriptor < 0) return null;
        const buffer = new Uint8Array(MAX_TEXT_BYTES);
        let length = 0;
        for (let read = 1; read > 0 && length < buffer.length; length += Math.max(read, 0)) {
          read = Number(libc.read(descriptor, buffer.subarray(length), BigInt(buffer.length - length)));
        }
        libc.close(descriptor);
        return new TextDecoder().decode(buffer.subarray(0, length));
      },
      readLink(path) {
        const buffer = new Uint8Array(MAX_LINK_BYTES);
        const length = Number(libc.readlink(text(path), buffer, BigInt(buffer.length)));
        return length < 0 ? null : new TextDecoder().decode(buffer.subarray(0, length));
      },
      list(folder) {
        const stream = libc.opendir(text(folder));
        if (stream === null) return [];
        const names: string[] = [];
        const buffer = new Uint8Array(MAX_ENTRY_BYTES);
        const length = new DataView(buffer.buffer);
        for (let entry = libc.readdir(stream); entry !== null; entry = libc.readdir(stream)) {
          // Deno's own pointer views ask for all of --allow-ffi.
          libc.memcpy(buffer, entry, BigInt(ENTRY_NAME_OFFSET));
          libc.memcpy(
            buffer,
            entry,
            BigInt(Math.min(length.getUint16(ENTRY_LENGTH_OFFSET, true), MAX_ENTRY_BYTES)),
          );
          names.push(
            new TextDecoder().decode(
              buffer.subarray(ENTRY_NAME_OFFSET, buffer.indexOf(0, ENTRY_NAME_OFFSET)),
            ),
          );
        }
        libc.closedir(stream);
        return names;
      },
    });
  });
  return result.kind === "done" ? result.value : null;
}

const denoFiles: KernelFiles = {
  readText: (path) => orNull(() => Deno.readTextFileSync(path)),
  readLink: (path) => orNull(() => Deno.readLinkSync(path)),
  list: (folder) => orNull(() => [...Deno.readDirSync(folder)].map((entry) => entry.name)) ?? [],
};

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
