# Lunloom as a server in the guest.
served_target=iqn.2026-11.io.lunloom:inside

# serve OPTIONS… – ready when it returns.
serve() {
  node /lunloom/bin/lunloom.js serve --json --portal 127.0.0.1:3260 --target $served_target --workers 1 "$@" > /tmp/serve.out 2> /tmp/serve.err < /dev/null &
  serve_pid=$!
  wait_for 90 serving_or_gone
  cat /tmp/serve.out /tmp/serve.err
  grep -q '"ready"' /tmp/serve.out
}

serving_or_gone() { grep -q '"ready"' /tmp/serve.out || ! kill -0 $serve_pid; }

stop_serving() {
  kill -TERM $serve_pid
  wait $serve_pid
  serve_status=$?
  cat /tmp/serve.out /tmp/serve.err
  return $serve_status
}
