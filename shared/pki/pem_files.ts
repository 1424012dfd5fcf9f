/**
 * Writes PEM files whole or not at all: into a new file beside the target, then renamed over it, so that a reader
 * (a reload in another process) never sees half a file.
 */

/** A file that its owner alone may read. */
export function writePrivatePemFile(path: string, pem: string): Promise<void> {
  return writePemFile(path, { pem, mode: 0o600 });
}

/** A file that everybody may read. */
export function writePublicPemFile(path: string, pem: string): Promise<void> {
  return writePemFile(path, { pem, mode: 0o644 });
}

async function writePemFile(path: string, content: { pem: string; mode: number }): Promise<void> {
  const temporaryPath = `${path}.${crypto.randomUUID()}.new`;
  try {
    // createNew with the mode from the first moment: the key is never readable for others, not even briefly.
    await Deno.writeTextFile(temporaryPath, content.pem, { createNew: true, mode: content.mode });
    await Deno.rename(temporaryPath, path);
  } catch (error) {
    await Deno.remove(temporaryPath).catch((failure) => {
      if (!(failure instanceof Deno.errors.NotFound)) throw new AggregateError([error, failure]);
    });
    throw error;
  }
}
