import assert from "node:assert/strict";
import { shellQuote } from "../../deploy/shell_quote.ts";

Deno.test("shellQuote() gives what a shell reads as the same one word", async () => {
  const words = ["/tmp/.lowu/ca.pem", "", "a b", "it's", '$HOME `id` \\ "x" *;&|', "ä\n"];
  const script = `printf '%s\\0' ${words.map(shellQuote).join(" ")}`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  assert.deepEqual(new TextDecoder().decode(stdout).split("\0").slice(0, -1), words);
});
