/** Answers to GET that must break the exchange as `origin_protocol`, by the rule they break. */
const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

export const MALFORMED_ANSWERS: Record<string, string> = {
  "content-length and transfer-encoding":
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "two content-lengths": `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
  "content-length list": `${OK}Content-Length: 1, 1\r\n\r\na`,
  "transfer-encoding gzip, chunked": `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  "transfer-encoding in HTTP/1.0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
  "transfer-encoding with 204": "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
  "transfer-encoding with 103": "HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n",
  "switching protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  "33 informational answers": "HTTP/1.1 103 Hints\r\n\r\n".repeat(33),
  "status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
  "status of four digits": "HTTP/1.1 2000 OK\r\n\r\n",
  "status 600": "HTTP/1.1 600 OK\r\n\r\n",
  "status 099": "HTTP/1.1 099 OK\r\n\r\n",
  "HTTP/2 status line": "HTTP/2 200 OK\r\n\r\n",
  "two spaces": "HTTP/1.1  200 OK\r\n\r\n",
  "NUL in the reason": "HTTP/1.1 200 O\0K\r\n\r\n",
  "empty line first": `\r\n${OK}\r\n`,
  "bare LF": "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
  "bare CR": `${OK}X: a\rb\r\n\r\n`,
  "folded": `${OK}X: a\r\n b\r\n\r\n`,
  "space before the colon": `${OK}Content-Length : 1\r\n\r\na`,
  "a request": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "chunk size with plus": `${CHUNKED}+1\r\na\r\n0\r\n\r\n`,
  "chunk without line end": `${CHUNKED}1\r\na0\r\n\r\n`,
  "trailer set-cookie": `${CHUNKED}0\r\nSet-Cookie: a=b\r\n\r\n`,
};

export const GOOD_ANSWERS: Record<string, string> = {
  "with a length": `${OK}Content-Length: 5\r\n\r\nhello`,
  "chunked with trailers": `${CHUNKED}5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nGrpc-Status: 0\r\n\r\n`,
  "after several informational ones":
    `HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 1\r\n\r\na`,
  "no content": "HTTP/1.1 204 No Content\r\n\r\n",
  "not modified with a length": "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
  "no reason": "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
};

/** Framed by the end of the connection: complete only then. */
export const UNFRAMED_ANSWERS: Record<string, string> = {
  "without framing": `${OK}Content-Type: text/plain\r\n\r\nhello`,
  "HTTP/1.0": "HTTP/1.0 200 OK\r\n\r\nhello",
};
