#!/bin/sh
# The page a client sees: which instance this is. One fact to a line, so that a test can match it as text.
# Of the environment only APP_* and EDGE_* are shown: other variables may hold secrets.
escape() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
printf 'Content-Type: text/html; charset=utf-8\r\n\r\n'
cat <<PAGE
<!doctype html>
<title>Edgeplane hello</title>
<pre>
app: $(printf %s "${APP_NAME:-hello}" | escape)
hostname: $(hostname | escape)
client: $(printf %s "$REMOTE_ADDR" | escape)
$(env | sed -n 's/^\(\(APP\|EDGE\)_[A-Za-z0-9_]*\)=\(.*\)$/env \1: \3/p' | sort | escape)
</pre>
PAGE
