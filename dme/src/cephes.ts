/**
 * Sine, cosine and arc tangent by the polynomials of the Cephes library. The platform's own Math functions differ from
 * them in the last bits, and recorded distances are compared bit for bit (match engine spec section 4.2), so every
 * operation below is done in this order and in doubles.
 */

const SIN = [
  1.5896230157654656e-10, -2.5050747762857807e-8, 2.7557313621385722e-6, -1.984126982958954e-4,
  8.333333333322118e-3, -1.666666666666663e-1,
] as const;
const COS = [
  -1.1358536521387682e-11, 2.087570084197473e-9, -2.755731417929674e-7, 2.4801587288851704e-5,
  -1.3888888888873056e-3, 4.1666666666666595e-2,
] as const;
const ATAN_P = [
  -8.750608600031904e-1, -1.6157537187333652e1, -7.500855792314705e1, -1.2288666844901361e2,
  -6.485021904942025e1,
] as const;
// The leading coefficient is 1.
const ATAN_Q = [
  1, 2.4858464901423062e1, 1.6502700983169885e2, 4.3288106049129027e2, 4.853903996359137e2,
  1.945506571482614e2,
] as const;

/** A quarter of pi in three parts, so that multiples of it can be subtracted without loss. */
const QUARTER_PI = [7.853981256484985e-1, 3.774894707930798e-8, 2.6951514290790595e-15] as const;
const TAN_3_PI_8 = 2.414213562373095;
/** What pi/2 has beyond the precision of a double. */
const HALF_PI_REST = 6.123233995736766e-17;

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (const c of coefficients) sum = sum * x + c;
  return sum;
}

/** The octant of a non-negative angle, made even, and what is left of the angle, in [-pi/4, pi/4]. */
function reduce(x: number): { octant: number; rest: number } {
  let j = Math.floor(x * (4 / Math.PI));
  if (j % 2 === 1) j += 1;
  const [a, b, c] = QUARTER_PI;
  return { octant: j % 8, rest: x - j * a - j * b - j * c };
}

function sinKernel(z: number): number {
  const zz = z * z;
  return z + z * zz * polynomial(SIN, zz);
}

function cosKernel(z: number): number {
  const zz = z * z;
  return 1 - 0.5 * zz + zz * zz * polynomial(COS, zz);
}

/** Sine of an angle in radians, |x| up to about 1e9. */
export function sin(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const { octant, rest } = reduce(Math.abs(x));
  const quadrant = octant > 3 ? octant - 4 : octant;
  const value = quadrant === 2 ? cosKernel(rest) : sinKernel(rest);
  return octant > 3 !== x < 0 ? -value : value;
}

/** Cosine of an angle in radians, |x| up to about 1e9. */
export function cos(x: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const { octant, rest } = reduce(Math.abs(x));
  const quadrant = octant > 3 ? octant - 4 : octant;
  const value = quadrant === 2 ? sinKernel(rest) : cosKernel(rest);
  return octant > 3 !== quadrant > 1 ? -value : value;
}

/** Arc tangent of a number >= 0, radians. */
export function atan(x: number): number {
  if (x <= 0.66) return atanKernel(x);
  if (x > TAN_3_PI_8) return Math.PI / 2 - atanKernel(1 / x) + HALF_PI_REST;
  return Math.PI / 4 + atanKernel((x - 1) / (x + 1)) + 0.5 * HALF_PI_REST;
}

function atanKernel(x: number): number {
  const zz = x * x;
  const z = (zz * polynomial(ATAN_P, zz)) / polynomial(ATAN_Q, zz);
  return x * z + x;
}
