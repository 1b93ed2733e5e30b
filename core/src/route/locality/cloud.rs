//! Host names and keys of clouds that answer prompts.
//!
//! No list of them is whole: what counts is the address that is connected to. This one catches a cloud that is reached
//! through a private address (a private link, a proxy), and says in words what was meant.

/// Domains, with all names below them, and whose they are.
const DOMAINS: &[(&str, &str)] = &[
    ("ai.azure.com", "Azure"),
    ("ai.cloudflare.com", "Cloudflare"),
    ("ai21.com", "AI21"),
    ("aleph-alpha.com", "Aleph Alpha"),
    ("aliyuncs.com", "Alibaba Cloud"),
    ("anthropic.com", "Anthropic"),
    ("anyscale.com", "Anyscale"),
    ("api.cloudflare.com", "Cloudflare"),
    ("azure-api.net", "Azure"),
    ("baidubce.com", "Baidu"),
    ("baseten.co", "Baseten"),
    ("bigmodel.cn", "Zhipu"),
    ("cerebras.ai", "Cerebras"),
    ("claude.ai", "Anthropic"),
    ("cloud.databricks.com", "Databricks"),
    ("cognitiveservices.azure.com", "Azure"),
    ("cohere.ai", "Cohere"),
    ("cohere.com", "Cohere"),
    ("deepinfra.com", "DeepInfra"),
    ("deepseek.com", "DeepSeek"),
    ("fireworks.ai", "Fireworks"),
    ("githubcopilot.com", "GitHub"),
    ("googleapis.com", "Google"),
    ("groq.com", "Groq"),
    ("helicone.ai", "Helicone"),
    ("huggingface.cloud", "Hugging Face"),
    ("huggingface.co", "Hugging Face"),
    ("hyperbolic.xyz", "Hyperbolic"),
    ("inference.ml.azure.com", "Azure"),
    ("jina.ai", "Jina"),
    ("litellm.ai", "LiteLLM"),
    ("minimax.io", "MiniMax"),
    ("minimaxi.com", "MiniMax"),
    ("mistral.ai", "Mistral"),
    ("ml.cloud.ibm.com", "IBM"),
    ("modal.run", "Modal"),
    ("models.github.ai", "GitHub"),
    ("moonshot.ai", "Moonshot"),
    ("moonshot.cn", "Moonshot"),
    ("nebius.ai", "Nebius"),
    ("nebius.com", "Nebius"),
    ("novita.ai", "Novita"),
    ("nvidia.com", "NVIDIA"),
    ("ollama.ai", "Ollama"),
    ("ollama.com", "Ollama"),
    ("openai.azure.com", "Azure"),
    ("openai.com", "OpenAI"),
    ("openrouter.ai", "OpenRouter"),
    ("perplexity.ai", "Perplexity"),
    ("portkey.ai", "Portkey"),
    ("replicate.com", "Replicate"),
    ("runpod.ai", "RunPod"),
    ("runpod.io", "RunPod"),
    ("runpod.net", "RunPod"),
    ("sambanova.ai", "SambaNova"),
    ("siliconflow.cn", "SiliconFlow"),
    ("siliconflow.com", "SiliconFlow"),
    ("tencentcloudapi.com", "Tencent Cloud"),
    ("together.ai", "Together"),
    ("together.xyz", "Together"),
    ("vercel.sh", "Vercel"),
    ("volces.com", "Volcano Engine"),
    ("voyageai.com", "Voyage"),
    ("x.ai", "xAI"),
    ("z.ai", "Zhipu"),
];

/// Amazon's services that answer prompts, by the beginning of a label: its load balancers in the same domain may well be
/// one's own.
const AMAZON_DOMAINS: [&str; 2] = ["amazonaws.com", "api.aws"];
const AMAZON_SERVICES: [&str; 2] = ["bedrock", "sagemaker"];

/// What keys of clouds begin with. `sk-` alone is none: local servers have such keys too.
const KEYS: &[(&str, &str)] = &[
    ("AIza", "Google"),
    ("gsk_", "Groq"),
    ("nvapi-", "NVIDIA"),
    ("pplx-", "Perplexity"),
    ("sk-ant-", "Anthropic"),
    ("sk-or-", "OpenRouter"),
    ("sk-proj-", "OpenAI"),
    ("xai-", "xAI"),
];

/// Whose cloud a host is, by its name.
pub fn host_of(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_in =
        |domain: &str| name.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    let is_service = |label: &str| AMAZON_SERVICES.iter().any(|service| label.starts_with(service));
    if AMAZON_DOMAINS.into_iter().any(is_in) && name.split('.').any(is_service) {
        return Some("Amazon");
    }
    DOMAINS.iter().find(|(domain, _)| is_in(domain)).map(|(_, owner)| *owner)
}

/// Whose cloud a key is for, by its first characters.
pub fn key_of(key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(start, _)| key.trim_start().starts_with(start)).map(|(_, owner)| *owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_are_known_by_their_names_and_nobody_else_is() {
        for (name, owner) in [
            ("integrate.api.nvidia.com", "NVIDIA"),
            ("INTEGRATE.API.NVIDIA.COM.", "NVIDIA"),
            ("123.invocation.api.nvcf.nvidia.com", "NVIDIA"),
            ("ollama.com", "Ollama"),
            ("api.openai.com", "OpenAI"),
            ("mine.privatelink.openai.azure.com", "Azure"),
            ("bedrock-runtime.us-east-1.amazonaws.com", "Amazon"),
            ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "Amazon"),
            ("europe-west1-aiplatform.googleapis.com", "Google"),
            ("api.x.ai", "xAI"),
        ] {
            assert_eq!(host_of(name), Some(owner), "{name}");
        }
        for name in [
            "localhost",
            "nim",
            "nim.models.svc",
            "ollama",
            "ollama.models.svc.cluster.local",
            "notnvidia.com",
            "nvidia.com.example",
            "openai.com.internal",
            "api-openai.com",
            "internal-nim-1.eu-west-1.elb.amazonaws.com",
            "bedrock.example.com",
            "max.ai",
        ] {
            assert_eq!(host_of(name), None, "{name}");
        }
    }

    #[test]
    fn domains_are_sorted_and_small() {
        assert!(DOMAINS.is_sorted());
        assert!(DOMAINS.iter().all(|(domain, _)| domain.chars().all(|c| !c.is_ascii_uppercase())));
    }

    #[test]
    fn keys_of_clouds_are_known_by_how_they_begin() {
        for (key, owner) in
            [("nvapi-abc", Some("NVIDIA")), (" nvapi-abc", Some("NVIDIA")), ("sk-1234", None), ("", None)]
        {
            assert_eq!(key_of(key), owner, "{key}");
        }
    }
}
