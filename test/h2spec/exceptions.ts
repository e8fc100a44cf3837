/** Cases of h2spec that do not pass, by the names that the suite prints, with the reason why that is right. None. */
export const exceptions: ReadonlyMap<string, string> = new Map();
