// Addresses, whatever is in the codes that stand in them: plants write # ? % & / and Chinese.
export const pathOf = (...parts) => `/${parts.map(encodeURIComponent).join("/")}`;

// With a query: fields that are undefined are left out.
export function queried(path, fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

// Where to come back to after signing in.
export const signInFrom = (place) => queried("/sign-in", { next: place.pathname + place.search });
