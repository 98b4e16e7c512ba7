// The API as the inspector sees it. The key stays in this closure: never in storage.

/** An answer that is no good news: RFC 9457, as the server tells it. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `the server answered ${status}`);
    this.status = status;
    this.faults = body.errors || [];
  }
}

const TURNS = 4; // while two replicas of two change over, one document in sixteen fails

/** What to say where one reply is of another bundle than the next. */
export const SEVERAL = "The server answers with several versions of this model in turn. Ask again in a moment.";

/** A client of the server that this page came from; `refused()` hears of a key that will not do. */
export function createClient(refused) {
  let key = null;

  async function ask(path, options = {}) {
    const used = key;
    const headers = {...options.headers};
    if (key !== null) headers.Authorization = `Bearer ${key}`;
    const answer = await reach(path, {...options, headers, cache: "no-cache"});
    if (answer.status === 401 && used === key) refused(); // and no other was given meanwhile
    if (!answer.ok) throw new Problem(answer.status, await body(answer));
    return answer;
  }

  return {
    useKey(text) {
      key = text;
    },
    async get(path) {
      return (await ask(path)).json();
    },
    /** A document of the bundle with this digest; while replicas change over, some have another. */
    async getOf(digest, path) {
      for (let turn = 0; turn < TURNS; turn += 1) {
        const found = await this.get(path);
        if (found.model.digest === digest) return found;
      }
      throw new Problem(0, {detail: SEVERAL});
    },
    async post(path, content) {
      const headers = {"Content-Type": "application/json"};
      const options = {method: "POST", headers, body: JSON.stringify(content)};
      return (await ask(path, options)).json();
    },
    /** The address of a document fetched with the key: for pictures and downloads. */
    async fetchUrl(path, accept = "*/*") {
      const answer = await ask(path, {headers: {Accept: accept}});
      return URL.createObjectURL(await answer.blob());
    },
  };
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Problem(0, {detail: "The server cannot be reached. Is it still running?"});
  }
}

async function body(answer) {
  try {
    return await answer.json();
  } catch {
    return {};
  }
}
