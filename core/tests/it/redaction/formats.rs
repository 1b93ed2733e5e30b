//! Real formats in real places, as a table: kind, text, and what it becomes. `§` parts what is joined when the test runs.

use super::redacted;

const TABLE: &[(&str, &str, &str)] = &[
    ("aws", "aws_access_key_id = AK§IAIOSFODNN7EXAMPLE", "aws_access_key_id = <SECRET_1>"),
    (
        "aws",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxR§fiCYEXAMPLEKEY make",
        "AWS_SECRET_ACCESS_KEY=<SECRET_1> make",
    ),
    (
        "aws",
        "?X-Amz-Credential=AK§IAIOSFODNN7EXAMPLE%2F2026&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        "?X-Amz-Credential=<SECRET_1>&X-Amz-Signature=<SECRET_2>",
    ),
    ("google", "key=AI§zaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe&q=x", "key=<SECRET_1>&q=x"),
    (
        "google",
        "{\"private_key_id\": \"4b1f0e\", \"private_key\": \"-----BEGIN PRI§VATE KEY-----\\nMIIEvQ\\n-----END PRI§VATE KEY-----\\n\", \"client_id\": \"1\"}",
        "{\"private_key_id\": \"<SECRET_1>\", \"private_key\": \"<SECRET_2>\\n\", \"client_id\": \"1\"}",
    ),
    (
        "azure",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Eby8vdM02xNOcqFlq§UwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;EndpointSuffix=x",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=<SECRET_1>;EndpointSuffix=x",
    ),
    ("github", "https://gh§p_16C7e42F292c6912E7710c838347Ae178B4a@github.com/a/b", "https://<SECRET_1>@github.com/a/b"),
    (
        "github",
        "git clone https://x:gh§p_16C7e42F292c6912E7710c838347Ae178B4a@github.com/a",
        "git clone https://x:<SECRET_1>@github.com/a",
    ),
    (
        "slack",
        "url: https://hooks.slack§.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "url: https://hooks.slack§.com/services/<SECRET_1>",
    ),
    (
        "telegram",
        "https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJ§xfSeofSAs0K5PALDsaw/sendMessage",
        "https://api.telegram.org/bot<SECRET_1>",
    ),
    ("stripe", "Stripe.apiKey = \"sk_§test_4eC39HqLyjWDarjtT1zdp7dc\";", "Stripe.apiKey = \"<SECRET_1>\";"),
    (
        "npm",
        "//registry.npmjs.org/:_authToken=np§m_1234567890abcdefABCDEF1234567890abcd",
        "//registry.npmjs.org/:_authToken=<SECRET_1>",
    ),
    (
        "jwt",
        "token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0§.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U; path",
        "token=<SECRET_1>; path",
    ),
    (
        "jwt",
        "(eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0§.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U)",
        "(<SECRET_1>)",
    ),
    (
        "bootstrap",
        "kubeadm join 10.0.0.1:6443 --token abcdef.01§23456789abcdef --discovery-token-ca-cert-hash sha256:1234",
        "kubeadm join 10.0.0.1:6443 --token <SECRET_1> --discovery-token-ca-cert-hash sha256:1234",
    ),
    ("kubeconfig", "    token: abcdef01§23456789abcdef0123456789", "    token: <SECRET_1>"),
    (
        "kubeconfig",
        "    client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUQKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=",
        "    client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUQKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=",
    ),
    (
        "docker",
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"c3R1ZmY6c3R1ZmY§hMTIz\"}}}",
        "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"<SECRET_1>\"}}}",
    ),
    ("htpasswd", "admin:$2y$05$c4WoMPo3SXsafkva.HHa6uXQ§ZWr7oboPiC2bT/r7q1BB8I2s0BRqC", "admin:<SECRET_1>"),
    (
        "ado.net",
        "Data Source=db;User ID=sa;Password=yourStrong(!)Password;Encrypt=True",
        "Data Source=db;User ID=sa;Password=<SECRET_1>;Encrypt=True",
    ),
    ("ado.net", "Server=db;Pwd='a b;c';Timeout=5", "Server=db;Pwd='<SECRET_1>';Timeout=5"),
    (
        "url",
        "mongodb://u:p%40ss@h1:27017,h2:27017/app?replicaSet=r",
        "mongodb://u:<SECRET_1>@h1:27017,h2:27017/app?replicaSet=r",
    ),
    ("url", "redis://:s3cr3t@redis:6379/0", "redis://:<SECRET_1>@redis:6379/0"),
    ("url", "http://user:$(PASSWORD)@db and http://user:***@db", "http://user:$(PASSWORD)@db and http://user:***@db"),
    ("yaml", "password: \"it's # here\" # or not", "password: \"<SECRET_1>\" # or not"),
    ("yaml", "password: hunter2 # old", "password: <SECRET_1> # old"),
    ("yaml", "passwords:\n  - hunter2\n", "passwords:\n  - <SECRET_1>\n"),
    (
        "yaml in json",
        "{\"conf\":\"user: a\\npassword: hunter2\\nport: 1\\n\"}",
        "{\"conf\":\"user: a\\npassword: <SECRET_1>\\nport: 1\\n\"}",
    ),
    (
        "json in yaml",
        "conf: '{\"token\": \"abc123def456\", \"n\": 1}'",
        "conf: '{\"token\": \"<SECRET_1>\", \"n\": 1}'",
    ),
    ("json", "{\n  \"password\":\n    \"hunter2\"\n}", "{\n  \"password\":\n    \"<SECRET_1>\"\n}"),
    ("toml", "[db]\npassword = \"hunter2\"", "[db]\npassword = \"<SECRET_1>\""),
    ("ini", ";password=old1\npassword=hunter2", ";password=<SECRET_1>\npassword=<SECRET_2>"),
    ("xml", "<add key=\"DbPassword\" value=\"hunter2\"/>", "<add key=\"DbPassword\" value=\"<SECRET_1>\"/>"),
    (
        "url-encoded",
        "state=1%26access_token%3Dgh§p_16C7e42F292c6912E7710c838347Ae178B4a%26x",
        "state=1%26access_token%3D<SECRET_1>%26x",
    ),
    (
        "log",
        "2026-01-01 INFO a.b.C - login(user=app, password=hunter2)",
        "2026-01-01 INFO a.b.C - login(user=app, password=<SECRET_1>)",
    ),
    (
        "log",
        "time=\"x\" level=debug msg=\"auth\" token=\"abc123def456ghi\"",
        "time=\"x\" level=debug msg=\"auth\" token=\"<SECRET_1>\"",
    ),
    ("header", "authorization: Bearer abc123§def456ghi", "authorization: Bearer <SECRET_1>"),
    ("header", "-H \"X-Vault-Token: hv§s.CAESIJlU9JMYEhOPYv4igdhm\"", "-H \"X-Vault-Token: <SECRET_1>\""),
    ("command", "mysqldump -uroot -phunter2 app", "mysqldump -uroot -p<SECRET_1> app"),
    (
        "command",
        "docker run -p 8080:80 -e DB_PASSWORD=hunter2 app",
        "docker run -p 8080:80 -e DB_PASSWORD=<SECRET_1> app",
    ),
    ("command", "openssl rsa -in k.pem -passin pass:hunter2", "openssl rsa -in k.pem -passin pass:<SECRET_1>"),
    ("command", "htpasswd -b f admin x; echo done", "htpasswd -b f admin x; echo done"),
    ("dockerfile", "ENV API_TOKEN abc123def456", "ENV API_TOKEN <SECRET_1>"),
    ("chinese", "資料庫密碼：hunter2，請勿外傳", "資料庫密碼：<SECRET_1>，請勿外傳"),
    ("chinese", "密码: hunter2", "密码: <SECRET_1>"),
    (
        "secret",
        "apiVersion: v1\ndata:\n  conf: aHVudGVyMg==\nkind: Secret\n",
        "apiVersion: v1\ndata:\n  conf: <SECRET_1>\nkind: Secret\n",
    ),
];

#[test]
fn real_formats_become_what_they_should() {
    let mut wrong = Vec::new();
    for (kind, text, expected) in TABLE {
        let output = redacted(&text.replace('§', ""));
        if output != expected.replace('§', "") {
            wrong.push(format!("{kind}: {text}\n      is {output}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}
