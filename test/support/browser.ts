// A browser as far as sign-in needs one: cookies by path (not by port, as browsers have it) and
// redirects followed by hand.

export interface Visit {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where it ended. */
  readonly url: string;
}

export interface Browser {
  /** One request, no redirect followed. */
  visit(url: string, init?: RequestInit): Promise<Visit>;
  /** Follows redirects to the page at their end. */
  follow(url: string, init?: RequestInit): Promise<Visit>;
  /** Posts a form as a page of the same origin would. */
  post(url: string, fields: Record<string, string>): Promise<Visit>;
}

interface Cookie {
  readonly name: string;
  readonly path: string;
  readonly value: string;
}

const REDIRECTS_MAX = 10;

export function createBrowser(): Browser {
  const jar = new Map<string, Cookie>();

  function keep(setCookie: string): void {
    const [pair = '', ...attributes] = setCookie.split(';').map((part) => part.trim());
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    const path = attributes.find((part) => /^path=/i.test(part))?.slice(5) ?? '/';
    const gone = attributes.some((part) => /^max-age=0$|^expires=Thu, 01 Jan 1970/i.test(part));
    if (gone) jar.delete(`${name} ${path}`);
    else jar.set(`${name} ${path}`, { name, path, value });
  }

  async function visit(url: string, init: RequestInit = {}): Promise<Visit> {
    const { pathname } = new URL(url);
    const cookies = [...jar.values()].filter(({ path }) => pathname.startsWith(path));
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const headers = new Headers(init.headers);
    if (cookie !== '') headers.set('cookie', cookie);
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) keep(line);
    return { status: response.status, headers: response.headers, text: await response.text(), url };
  }

  async function follow(url: string, init: RequestInit = {}): Promise<Visit> {
    let at = await visit(url, init);
    for (let hop = 0; hop < REDIRECTS_MAX; hop += 1) {
      const location = at.headers.get('location');
      if (location === null) return at;
      at = await visit(new URL(location, at.url).href);
    }
    throw new Error(`${url} redirects without end`);
  }

  return {
    visit,
    follow,
    post: (url, fields) =>
      follow(url, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: { origin: new URL(url).origin },
      }),
  };
}
