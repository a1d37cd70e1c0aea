// People who have signed on at this device before: they may work while the server is away. It
// names the person and is no lock: what they do leaves the device only after the server has
// checked the badge or the PIN itself. No badge and no PIN is kept, only what recognises a badge.
import { keep, kept } from "./kept.js";
import { sha256 } from "./sha256.js";
import { plain } from "./scanner.js";

const NAME = "pressline-known";
const DAYS = 60;
const MOST = 100; // people

const all = () => kept(NAME, []);
const keepPeople = (people) => keep(NAME, people.slice(0, MOST));
const recent = (one) => Date.now() - one.last < DAYS * 86400000;

// The same card as different readers write it: people/badges.py has the same rule.
export function badgeNumber(text) {
  const bare = plain(plain(text).replace(/^EMP:/i, "")).toUpperCase();
  const pair = /^(\d{1,3}) ?[,:] ?(\d{1,5})$/.exec(bare);
  if (pair) return String(Number(pair[1]) * 65536 + Number(pair[2]));
  if (/^\d{1,20}$/.test(bare)) return String(BigInt(bare));
  return /^([0-9A-F]{8}|[0-9A-F]{10}|[0-9A-F]{14})$/.test(bare) ? String(BigInt(`0x${bare}`)) : bare;
}

const mark = (salt, badge) => sha256(`${salt}/${badgeNumber(badge)}`);

export function remember(person, badge, salt) {
  const before = all().find((one) => one.person.person === person.person);
  const marked = badge ? { salt, mark: mark(salt, badge) } : { salt: before?.salt, mark: before?.mark };
  const others = all().filter((one) => one.person.person !== person.person);
  keepPeople([{ person, last: Date.now(), ...marked }, ...others]);
}

export function forgetPerson(code) {
  keepPeople(all().filter((one) => one.person.person !== code));
}

export const knownPeople = () => all().filter(recent).map((one) => one.person);
export const knownByBadge = (badge) =>
  all().filter(recent).find((one) => one.mark && one.mark === mark(one.salt, badge))?.person;
