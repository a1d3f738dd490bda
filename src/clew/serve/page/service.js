// The REST API, as the page asks it. Every call may throw a Refusal.

const KEPT = "clew-token";

/** An answer that is no success: `name` of the problem, what the service says of it. */
export class Refusal extends Error {
  constructor(name, title = "", detail = "") {
    super(detail || title || name);
    Object.assign(this, { name, title, detail });
  }
}

let token = takenFromAddress() ?? sessionStorage.getItem(KEPT) ?? "";

/** The token that the service's own line has behind #, taken out of the address at once. */
function takenFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.setItem(KEPT, found);
  }
  return found;
}

export function useToken(given) {
  token = given.trim();
  sessionStorage.setItem(KEPT, token);
}

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

function refusal(status, body) {
  try {
    const told = JSON.parse(body);
    return new Refusal(told.type.split(":").pop(), told.title, told.detail);
  } catch {
    return new Refusal("failed", "The service made a mistake", `It answered ${status}.`);
  }
}

async function asked(path, how = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...how, headers: headers(), cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Refusal("away");
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  return answer;
}

const json = async (path, how) => (await asked(path, how)).json();

export const health = () => json("/v1/health");
export const tickets = async () => (await json("/v1/tickets")).tickets;

/** The paths that the service answers. */
export const paths = async () => Object.keys((await json("/openapi.json")).paths);

/** Sends a file; `sent` is told the share that is on its way. A job. */
export function submit(file, sent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    const form = new FormData();
    form.append("file", file, file.name);
    request.open("POST", "/v1/jobs");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => sent(event.total ? event.loaded / event.total : 0);
    request.onload = () =>
      request.status === 202 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request.status, request.responseText));
    request.onerror = () => reject(new Refusal("away"));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** How a job is, after at most `wait` seconds. */
export const state = (id, wait, signal) => json(`/v1/jobs/${id}?wait=${wait}`, { signal });

/** The same faces through a ticket of the ladder (`level`) or by name (`ticket`). */
export const rescored = (id, query, signal) =>
  json(`/v1/jobs/${id}/rescore?${new URLSearchParams(query)}`, { method: "POST", signal });

export const face = async (id, person, place, signal) =>
  (await asked(`/v1/jobs/${id}/faces/${person}/${place}.jpg`, { signal })).blob();

export const page = async (id) => (await asked(`/v1/jobs/${id}/finding.html`)).blob();

/** Ends a job and has it forgotten; also while the page goes. */
export const forget = (id) => asked(`/v1/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
