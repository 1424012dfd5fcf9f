/**
 * The words that the imitated model speaks. Some hold characters that JSON escapes, or more than one byte in UTF-8,
 * so that whoever cuts or rewrites a stream at the wrong place is found out.
 */
const WORDS =
  `the a of and to in is that it for on with as are was at by this from or an be which have not one all can has
 we each their will there more when so if no out up into do any how its our two may first then other time some
 system model request answer stream token server client network latency border route window buffer frame byte
 packet queue batch cache memory weight layer attention head prompt context output input signal noise light wave
 river mountain harbour bridge island city street garden morning evening winter summer ocean wind cloud stone
 paper letter number story question reason example method result measure value change growth balance order
 small large early late quick slow bright quiet open closed simple careful common certain possible general recent
 near far deep high low long short new old good fair clear strong steady gentle
 moves holds carries sends keeps turns builds reads writes waits begins ends returns crosses follows answers
 between under over through before after while because although therefore however often always never perhaps
 data, link, load, path, time, work, side, point, state, rule. line. day. place. world. part. end. hand. way.
 naïve café über 东京 上海 香港 数据 “quoted” "plain" back\\slash tab\tstop em—dash 🚀 ≤5% don't it's e.g. (note) [1]`;

const encoder = new TextEncoder();

function escaped(text: string): Uint8Array {
  return encoder.encode(JSON.stringify(text).slice(1, -1));
}

/** Each word behind a space, as it stands in a text. */
export const VOCABULARY: readonly string[] = WORDS.split(/[ \n]+/).filter((word) => word !== "").map((word) =>
  " " + word
);

/** The same as the inside of a JSON string, in UTF-8. */
export const VOCABULARY_JSON: readonly Uint8Array[] = VOCABULARY.map(escaped);

/** The inside of the JSON string that holds `text`, in UTF-8. */
export function jsonStringBytes(text: string): Uint8Array {
  return escaped(text);
}
