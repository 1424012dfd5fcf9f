/** What came of reading a file: its bytes, or in words for a user why not. */
export type FileContent = { readonly bytes: Uint8Array } | { readonly wrong: string };

/** Reads a file of at most `maxBytes`; devices and pipes without end are cut off there, too. */
export function readBoundedFile(path: string, { maxBytes }: { maxBytes: number }): FileContent {
  try {
    using file = Deno.openSync(path);
    const buffer = new Uint8Array(maxBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const count = file.readSync(buffer.subarray(length));
      if (count === null) break;
      length += count;
    }
    return length > maxBytes
      ? { wrong: `is larger than ${maxBytes} bytes` }
      : { bytes: buffer.slice(0, length) };
  } catch (error) {
    return { wrong: whyUnreadable(error) };
  }
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "does not exist";
  if (error instanceof Deno.errors.PermissionDenied) return "may not be read by this user";
  if (error instanceof Deno.errors.NotCapable) return "may not be read by this process (see --allow-read)";
  if (error instanceof Deno.errors.IsADirectory) return "is a folder, not a file";
  if (error instanceof Error) return `cannot be read (${error.name})`;
  throw error;
}
