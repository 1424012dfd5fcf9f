/** The driver as curl sees it: an HTTP/1.1 client that others wrote. */
import assert from "node:assert/strict";
import { RelayError } from "../../../shared/errors/relay_error.ts";
import { Fields } from "../../../shared/exchange/fields.ts";
import { bytesOf } from "../../support/recorded_exchange.ts";
import { testWithTool } from "../../support/required_tool.ts";
import { Http1Fixture } from "./http1_fixture.ts";

const CURLE_PARTIAL_FILE = 18;
const cut = new RelayError("origin_cut", { source: "origin" });

interface Result {
  readonly code: number;
  readonly out: string;
  readonly log: string;
}

async function curl(file: string, args: string[], input = ""): Promise<Result> {
  const child = new Deno.Command(file, {
    args: ["--silent", "--show-error", "--verbose", "--http1.1", "--max-time", "10", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(bytesOf(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), log: text(stderr) };
}

/** Answers with method, body and trailers of the request, once it is complete. */
function answerAll(server: Http1Fixture, contentLength: (text: string) => number | null): void {
  server.live.onRequest = async (request) => {
    await request.until("end");
    const { answer, head } = request;
    const text = `${head.method} ${head.path} ${request.text}\n`;
    answer.informational({ status: 103, fields: new Fields(["link", "</hint>"]), contentLength: null });
    answer.head({ status: 200, fields: new Fields(["x-a", "b"]), contentLength: contentLength(text) });
    if (head.method !== "HEAD") answer.body(bytesOf(text));
    answer.end(contentLength(text) === null ? new Fields(["x-trailer", "last"]) : null);
  };
}

testWithTool("curl", "serveHttp1() keeps its connection for curl's next request", async (_, file) => {
  await using server = new Http1Fixture();
  answerAll(server, (text) => text.length);
  const url = `http://127.0.0.1:${server.port}`;
  const { code, out, log } = await curl(file, [`${url}/1`, `${url}/2`]);
  assert.deepEqual([code, out], [0, "GET /1 \nGET /2 \n"]);
  assert.match(log, /Re-using existing connection/i);
});

testWithTool(
  "curl",
  "serveHttp1() takes a chunked upload and gives chunks, hints and trailers to curl",
  async (_, file) => {
    await using server = new Http1Fixture();
    answerAll(server, () => null);
    const args = [
      "-T",
      "-",
      "-D",
      "/dev/stderr",
      "-H",
      "expect: 100-continue",
      `http://127.0.0.1:${server.port}/up`,
    ];
    const { code, out, log } = await curl(file, args, "streamed");
    assert.deepEqual([code, out], [0, "PUT /up streamed\n"]);
    assert.match(log, /< HTTP\/1.1 100 Continue[^]*< HTTP\/1.1 103 Early Hints[^]*< HTTP\/1.1 200 OK/);
    assert.match(log, /^x-trailer: last/m);
  },
);

testWithTool("curl", "serveHttp1() answers HEAD and POST of curl", async (_, file) => {
  await using server = new Http1Fixture();
  answerAll(server, (text) => text.length);
  const url = `http://127.0.0.1:${server.port}/`;
  const head = await curl(file, ["--head", url]);
  assert.equal(head.code, 0);
  assert.match(head.out, /HTTP\/1.1 200 OK\r\ncontent-length: 8\r\n/);
  const post = await curl(file, ["--data-binary", "@-", url], "x".repeat(300_000));
  assert.deepEqual([post.code, post.out], [0, `POST / ${"x".repeat(300_000)}\n`]);
});

testWithTool("curl", "serveHttp1() shows curl that an answer is not complete", async (_, file) => {
  for (const contentLength of [null, 100]) {
    await using server = new Http1Fixture();
    server.live.onRequest = ({ answer }) => {
      answer.head({ status: 200, fields: new Fields(), contentLength });
      answer.body(bytesOf("half"));
      queueMicrotask(() => server.live.requests[0]?.answer.abort(cut));
    };
    const { code, out } = await curl(file, [`http://127.0.0.1:${server.port}/`]);
    assert.deepEqual([code, out], [CURLE_PARTIAL_FILE, "half"]);
  }
});
