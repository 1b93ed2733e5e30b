# Makes a network of two machines, the caller's and the allowed host's, with a /30 between them and no way to anywhere
# else; then has the caller make its calls, with each attempt to connect written down. It is run in a network namespace
# of its own: unshare -rnm sh outbound_namespace.sh TEST FOLDER. $TEST is this test binary, which plays both parts.
set -eu
test=$1 folder=$2

ip link set lo up
ANCHORWATCH_TEST_PART=host setpriv --pdeathsig KILL unshare -n "$test" --exact outbound_namespace::the_allowed_host &
host=$!
trap 'kill $host' EXIT
own=$(readlink /proc/self/ns/net)
until [ "$(readlink /proc/$host/ns/net)" != "$own" ]; do :; done
ip link add near type veth peer name far netns $host
ip addr add 10.77.0.1/30 dev near
ip link set near up
nsenter -t $host -n ip addr add 10.77.0.2/30 dev far
nsenter -t $host -n ip link set far up

# What must not be called is here to be called: else a call would only fail, and nobody would hear it.
for address in 169.254.169.254 100.100.100.200 203.0.113.7 100.64.0.1; do
  ip addr add $address/32 dev lo
done
for address in fd00:ec2::254 2001:db8::7 64:ff9b::a4d:2 2002:a4d:2::1; do
  ip addr add $address/128 dev lo nodad
done
printf '%s\n' '10.77.0.2 one.test' '10.77.0.2 mixed.test' '203.0.113.7 mixed.test' '203.0.113.7 out.test' \
  '10.77.0.2 mapped.test' '::ffff:203.0.113.7 mapped.test' >"$folder/hosts"
printf '%s\n' 'nameserver 10.77.0.2' 'search models.test' >"$folder/resolv.conf"
for file in hosts resolv.conf; do
  mount --bind "$folder/$file" "/etc/$file"
done
[ -z "$(ip route show default)" ] && [ -z "$(ip -6 route show default)" ]
echo "the network is set up"

for variable in HTTP_PROXY http_proxy HTTPS_PROXY https_proxy ALL_PROXY all_proxy; do
  export $variable=http://203.0.113.7:3128
done
for part in inside anywhere; do
  ANCHORWATCH_TEST_PART=$part strace -f -qq -e trace=connect,sendto,sendmsg,sendmmsg -o "$folder/$part" \
    "$test" --exact outbound_namespace::the_calls --nocapture
done
