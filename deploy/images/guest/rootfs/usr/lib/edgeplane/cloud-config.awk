# Turns the simple forms of #cloud-config into two shell scripts: FILES gets the write_files entries and RUN the runcmd
# entries, each in its own sub-shell as a failed command must not stop the next.
function indent(s) { match(s, /^ */); return RLENGTH }
function quote(s) { gsub(/'/, "'\\''", s); return "'" s "'" }
function unquote(s) {
  sub(/^[ \t]+/, "", s); sub(/[ \t]+$/, "", s)
  if (s ~ /^".*"$/) {
    s = substr(s, 2, length(s) - 2)
    gsub(/\\\\/, "\001", s); gsub(/\\"/, "\"", s); gsub(/\\n/, "\n", s); gsub(/\\t/, "\t", s); gsub(/\001/, "\\", s)
  } else if (s ~ /^'.*'$/) {
    s = substr(s, 2, length(s) - 2); gsub(/''/, "'", s)
  }
  return s
}
# [a, "b c", 'd'] -> quoted shell words
function words(s,   out, c, i, q, cur, any) {
  s = substr(s, 2, length(s) - 2); q = ""; cur = ""; any = 0; out = ""
  for (i = 1; i <= length(s); i++) {
    c = substr(s, i, 1)
    if (q == "\"" && c == "\\") { i++; c = substr(s, i, 1); cur = cur (c == "n" ? "\n" : c == "t" ? "\t" : c) }
    else if (q != "") { if (c == q) q = ""; else cur = cur c }
    else if (c == "\"" || c == "'") { q = c; any = 1 }
    else if (c == ",") { sub(/[ \t]+$/, "", cur); out = out " " quote(cur); cur = ""; any = 0 }
    else if (c != " " && c != "\t" || cur != "") { cur = cur c }
  }
  sub(/[ \t]+$/, "", cur)
  if (cur != "" || any) out = out " " quote(cur)
  return substr(out, 2)
}
function endfile(   to) {
  if (path == "") return
  to = append ? ">>" : ">"
  files = files "mkdir -p \"$(dirname " quote(path) ")\" && printf %s " quote(content)
  if (encoding ~ /^(b64|base64)$/) files = files " | base64 -d"
  files = files " " to quote(path) "\n"
  if (mode != "") files = files "chmod " quote(mode) " " quote(path) "\n"
  path = ""; content = ""; encoding = ""; mode = ""; append = 0
}
function command(s) { cmds = cmds "( " s "\n)\n" }
# A block (| or >) ended: give its text to whoever asked.
function endblock() {
  if (block == "") return
  if (!keep) { sub(/\n+$/, "", text); if (!strip) text = text "\n" }
  if (fold) { last = text; sub(/\n$/, "", last); gsub(/\n/, " ", last); text = last (strip ? "" : "\n") }
  if (block == "content") content = text
  else command(text)
  block = ""; text = ""; depth = -1
}
function startblock(who, mark, at) {
  block = who; text = ""; depth = -1; base = at
  fold = mark ~ /^>/; strip = mark ~ /-$/; keep = mark ~ /\+$/
}
function pair(s,   k, v) {
  k = s; sub(/:.*/, "", k); v = s; sub(/^[^:]*:[ \t]*/, "", v)
  if (k == "content" && v ~ /^[|>][-+]?[ \t]*$/) { sub(/[ \t]+$/, "", v); startblock("content", v, indent($0)); return }
  v = unquote(v)
  if (k == "path") path = v
  else if (k == "content") content = v
  else if (k == "encoding") encoding = v
  else if (k == "permissions") mode = v
  else if (k == "append") append = (v == "true")
}
BEGIN { depth = -1 }
{ sub(/\r$/, "") }
block != "" {
  if ($0 ~ /^[ \t]*$/) { text = text "\n"; next }
  if (depth < 0 && indent($0) > base) depth = indent($0)
  if (depth >= 0 && indent($0) >= depth) { text = text substr($0, depth + 1) "\n"; next }
  endblock()
}
/^[ \t]*(#.*)?$/ { next }
/^[A-Za-z_]/ { endfile(); section = $0; sub(/:.*/, "", section); next }
section == "write_files" && /^ *- / { endfile(); s = $0; sub(/^ *- +/, "", s); sub(/- /, "  ", $0); pair(s); next }
section == "write_files" { s = $0; sub(/^ +/, "", s); pair(s); next }
section == "runcmd" && /^ *- / {
  s = $0; at = indent(s); sub(/^ *- +/, "", s)
  if (s ~ /^[|>][-+]?[ \t]*$/) { sub(/[ \t]+$/, "", s); startblock("runcmd", s, at) }
  else if (s ~ /^\[.*\][ \t]*$/) { sub(/[ \t]+$/, "", s); command(words(s)) }
  else command(unquote(s))
  next
}
END { endblock(); endfile(); printf "%s", files > FILES; printf "%s", cmds > RUN }
