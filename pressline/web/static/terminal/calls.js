// The server's calls that need an answer at once; acts go through the outbox.
async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    ...(body ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {}),
  });
  const said = await answer.json().catch(() => ({}));
  return { ok: answer.ok, status: answer.status, said };
}

export const signIn = (given) => call("POST", "/api/sign-in", given);
export const signOut = () => call("POST", "/api/sign-out", {});
export const details = (press) => call("GET", `/api/press/${encodeURIComponent(press)}`);
export const people = (press) => call("GET", `/api/press/${encodeURIComponent(press)}/people`);
export const attention = (press) => call("GET", `/api/attention?press=${encodeURIComponent(press)}`);
export const reports = () => call("GET", "/api/reports?state=waiting");
