/** A request body of the size that a short chat has. */
export const CHAT_BODY = JSON.stringify({
  model: "lowu-bench",
  stream: true,
  messages: [
    { role: "system", content: "You are a helpful assistant. Answer briefly." },
    {
      role: "user",
      content: "What is the distance between Lo Wu and Luohu, and how long does the walk take?",
    },
  ],
});
