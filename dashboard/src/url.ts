// State that lives in the address, so that a link shows somebody else the same.

import { useCallback } from "preact/hooks";
import { useSearchParams } from "wouter-preact";

type Values = Record<string, string | null | undefined>;

/** The address's parameters, and how to change some of them; null or "" takes one away. */
export function useUrl(): [URLSearchParams, (changes: Values, options?: { push?: boolean }) => void] {
  const [params, setParams] = useSearchParams();
  const change = useCallback(
    (changes: Values, options?: { push?: boolean }) => {
      const apply = (before: URLSearchParams) => {
        const after = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value) after.set(name, value);
          else after.delete(name);
        }
        return after;
      };
      setParams(apply, { replace: !options?.push });
    },
    [setParams],
  );
  return [params, change];
}

/** One parameter that is one of some values; anything else in the address counts as the first. */
export function useChoice<T extends string>(
  name: string,
  choices: readonly [T, ...T[]],
): [T, (value: T) => void] {
  const [params, change] = useUrl();
  const given = params.get(name);
  const value = choices.find((choice) => choice === given) ?? choices[0];
  return [value, (chosen) => change({ [name]: chosen === choices[0] ? null : chosen })];
}

/** An address with parameters; what is empty is left out. */
export function address(path: string, values: Values): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) params.set(name, value);
  const query = params.toString();
  return query ? `${path}?${query}` : path;
}
