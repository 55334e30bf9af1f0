/**
 * The configuration of the running kernel, as libbpf finds it for `__kconfig` externs.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import type { Native } from "./native.ts";

/** Where the configuration is, by the kernel's release. */
const FILES: readonly ((release: string) => string)[] = [
  (release) => `/boot/config-${release}`,
  () => "/proc/config.gz",
];

/** Most bytes of a configuration. */
const MAX_BYTES = 1 << 24;

/** First two bytes of a gzip file. */
const GZIP = [0x1f, 0x8b];

const RELEASE = "/proc/sys/kernel/osrelease";

/** Oldest release with cookies of attachments. */
const COOKIE_VERSION = 0x05_0f_00n;

/**
 * The version of a release as LINUX_VERSION_CODE.
 *
 * @param release Such as `6.18.44-generic`.
 * @returns `major << 16 | minor << 8 | patch`, the last at most 255; 0 for what is no release.
 */
export function versionCode(release: string): bigint {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release);
  if (match === null) return 0n;
  const [major, minor, patch] = match.slice(1).map((part) => BigInt(part ?? 0));
  return major << 16n | minor << 8n | (patch > 255n ? 255n : patch);
}

/**
 * Reads a configuration.
 *
 * @param text Lines such as `CONFIG_HZ=250`.
 * @returns Values by name: numbers, texts without their quotes, `y` and `m`.
 */
export function parseConfig(text: string): Map<string, bigint | string> {
  const values = new Map<string, bigint | string>();
  for (const [, name, value] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
    const quoted = /^"(.*)"$/.exec(value);
    if (quoted !== null) values.set(name, quoted[1]);
    else if (/^-?\d+$|^0[xX][0-9a-fA-F]+$/.test(value)) values.set(name, BigInt(value));
    else values.set(name, value);
  }
  return values;
}

/** The running kernel's configuration. */
export class KernelConfig {
  readonly #native: Native;
  readonly #hasSymbol: (name: string) => boolean;
  #values: Map<string, bigint | string> | null = null;

  /**
   * Prepares to read it.
   *
   * @param native The C library.
   * @param hasSymbol Whether the kernel has a function of a name.
   */
  constructor(native: Native, hasSymbol: (name: string) => boolean) {
    this.#native = native;
    this.#hasSymbol = hasSymbol;
  }

  /**
   * Finds a value.
   *
   * @param name Its name.
   * @returns The value; null if it is not set or not known.
   */
  value(name: string): bigint | string | null {
    switch (name) {
      case "LINUX_KERNEL_VERSION":
        return versionCode(this.#release());
      case "LINUX_HAS_BPF_COOKIE":
        return versionCode(this.#release()) >= COOKIE_VERSION ? 1n : 0n;
      case "LINUX_HAS_SYSCALL_WRAPPER":
        return ["__x64_sys_bpf", "__arm64_sys_bpf"].some(this.#hasSymbol) ? 1n : 0n;
    }
    this.#values ??= this.#read();
    return this.#values.get(name) ?? null;
  }

  #release(): string {
    return this.#native.readText(RELEASE, 256).trim();
  }

  #read(): Map<string, bigint | string> {
    const release = this.#release();
    for (const path of FILES) {
      const bytes = this.#native.readFile(path(release), MAX_BYTES);
      if (bytes.length === 0) continue;
      const packed = GZIP.every((byte, i) => bytes[i] === byte);
      const plain = packed ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes;
      return parseConfig(new TextDecoder().decode(plain));
    }
    return new Map();
  }
}
