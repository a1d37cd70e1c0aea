// Office pages: signing in and out. Everything else is plain links.
async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return { ok: answer.ok, said: await answer.json() };
}

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await post("/api/sign-out", {});
  location.assign("/");
});

const form = document.getElementById("sign-in");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { badge, person, pin } = Object.fromEntries(new FormData(form));
  const { ok, said } = await post("/api/sign-in", badge ? { badge } : { person, pin });
  if (ok) return location.assign(form.dataset.next);
  const problem = form.querySelector(".problem");
  problem.textContent = said.message;
  problem.hidden = false;
  form.badge.value = "";
  form.badge.focus();
});
