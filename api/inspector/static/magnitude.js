// How large numbers are, to draw them in proportion.

/** The largest absolute value, however nested; 1 where all are 0, to divide by. */
export function magnitude(values) {
  let largest = 0; // no Math.max(...): a picture has more numbers than a call takes
  for (const value of values.flat(Infinity)) largest = Math.max(largest, Math.abs(value));
  return largest || 1;
}
