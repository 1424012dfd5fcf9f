import assert from "node:assert/strict";
import { ratioText, shortNumber } from "../../../bench/harness/number_text.ts";
import { formatMarkdownTable, formatTextTable } from "../../../bench/harness/text_table.ts";

const TABLE = { title: "Times", columns: ["relay", "ms"], rows: [["nginx", "1.00"], ["Lowu QUIC", "12.3"]] };

Deno.test("formatTextTable() aligns names to the left and numbers to the right", () => {
  assert.equal(
    formatTextTable(TABLE),
    ["Times", "relay        ms", "---------  ----", "nginx      1.00", "Lowu QUIC  12.3"].join("\n"),
  );
});

Deno.test("formatMarkdownTable() is a table under its title", () => {
  assert.equal(
    formatMarkdownTable(TABLE),
    [
      "**Times**",
      "",
      "| relay     | ms   |",
      "| --------- | ---: |",
      "| nginx     | 1.00 |",
      "| Lowu QUIC | 12.3 |",
    ].join("\n"),
  );
});

Deno.test("shortNumber() and ratioText() keep three digits and tell where there is no number", () => {
  assert.deepEqual([0.123, 12.34, 123.4, -0.5, NaN].map(shortNumber), ["0.12", "12.3", "123", "-0.50", "–"]);
  assert.equal(ratioText(3, 2), "1.50×");
  assert.equal(ratioText(3, NaN), "–");
});
