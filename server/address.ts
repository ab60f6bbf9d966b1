import { isIP } from "node:net";

/** True for the addresses and names that only this machine reaches itself by. */
export function isLoopback(host: string): boolean {
  const name = plain(host).toLowerCase();
  if (isIP(name) === 4) return name.startsWith("127.");
  return name === "::1" || name === "localhost" || name.endsWith(".localhost");
}

/** True for addresses, as against names. */
export function isAddress(host: string): boolean {
  return isIP(plain(host)) !== 0;
}

/**
 * Whom an address stands for when sessions are counted: itself, or of IPv6 the
 * first 64 bits, which is what one customer has at least.
 */
export function addressKey(address: string): string {
  const name = plain(address);
  if (isIP(name) !== 6) return name;
  const [head, tail] = name.split("::");
  const groups = head ? head.split(":") : [];
  const after = tail ? tail.split(":").length : 0;
  while (tail !== undefined && groups.length < 8 - after && groups.length < 4) groups.push("0");
  if (tail && groups.length < 4) groups.push(...tail.split(":"));
  return `${groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}

/** Without the brackets of a URL; an IPv4 address in IPv6 as what it is. */
function plain(host: string): string {
  return host.replace(/^\[|\]$/g, "").replace(/^::ffff:(?=\d+\.)/i, "");
}
