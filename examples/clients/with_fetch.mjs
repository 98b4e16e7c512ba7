const server = process.env.SERVER ?? "http://127.0.0.1:8000";
const reply = await fetch(`${server}/v1/models/breast-cancer:explain`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ instances: [Array(30).fill(10)] }),
  signal: AbortSignal.timeout(5000),
});
const answer = await reply.json();
if (!reply.ok) throw new Error(answer.detail);
const [path] = answer.explanations[0];
console.log(`${answer.predictions[0].label} because ${path.rule}`);
