import { describe, expect, it } from "vitest";
import { ApiError, type Api } from "./api";
import type { Ended, Session } from "./control";
import { findSession, isOver } from "./session-model";

const { signal } = new AbortController();

/** A server on which one session runs and one has ended; it tells what it was asked. */
function server() {
  const asked: string[] = [];
  const api = {
    session: async (id: string) => {
      asked.push(`session ${id}`);
      if (id === "runs") return { id, timeline: [] } as unknown as Session;
      throw new ApiError(id === "forbidden" ? 403 : 404, "", "");
    },
    ended: async () => {
      asked.push("ended");
      return [{ reason: "kicked", session: { id: "ended" } }] as Ended[];
    },
  } as unknown as Api;
  return { api, asked };
}

describe("a session", () => {
  it.each([
    ["that runs", "runs", false, { end: null }, false, ["session runs"]],
    ["that may run", "ended", false, { end: { reason: "kicked" } }, true, ["session ended", "ended"]],
    ["that is known to have ended", "ended", true, { end: { reason: "kicked" } }, true, ["ended"]],
    ["that nobody remembers", "old", false, null, true, ["session old", "ended"]],
    ["that had ended, and that nobody remembers", "old", true, null, true, ["ended"]],
  ])("%s is looked for where it can be", async (_, id, ended, details, over, requests) => {
    const { api, asked } = server();
    const found = await findSession(api, id, ended, signal);
    if (details) expect(found).toMatchObject(details);
    else expect(found).toBeNull();
    expect([isOver(found), asked]).toEqual([over, requests]);
  });

  it("that may not be seen is none that has ended", async () => {
    await expect(findSession(server().api, "forbidden", false, signal)).rejects.toMatchObject({ status: 403 });
  });
});
