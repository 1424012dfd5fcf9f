import assert from "node:assert/strict";
import { LoadConnection } from "../../../bench/load/load_connection.ts";

Deno.test("LoadConnection tells the longest gap of the window, the one that goes on included", () => {
  const connection = new LoadConnection();
  assert.equal(connection.longestGapMs(500), 0);
  for (const now of [0, 40, 900, 940]) connection.tokenCame(now);
  assert.equal(connection.longestGapMs(950), 860);
  connection.start(1000);
  assert.equal(connection.longestGapMs(1000), 0);
  connection.tokenCame(1030);
  assert.equal(connection.longestGapMs(1050), 30);
  assert.equal(connection.longestGapMs(3030), 2000);
  assert.equal(connection.silentMs(3030), 2000);
});

Deno.test("LoadConnection is broken until the next window begins", () => {
  const connection = new LoadConnection();
  connection.broke();
  assert.equal(connection.isBroken, true);
  connection.start(0);
  assert.equal(connection.isBroken, false);
});
