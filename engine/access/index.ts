/** Who may log in to what and see which LUNs: rules, redirections, and the memory of failed logins. No I/O. */
export * from './access-control.js';
export * from './address-range.js';
export * from './login-throttle.js';
export * from './name-pattern.js';
export * from './redirects.js';
export * from './target-access.js';
