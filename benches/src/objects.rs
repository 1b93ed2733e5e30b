//! The objects that are measured: small shops of ten objects each, as YAML and as the API server gives them back.
//!
//! Of ten objects four are ConfigMaps, two Deployments, two Services, one a Secret and one a Role. All are made of the
//! texts in `objects/` by changing names; `objects/live.jsonl` was recorded with `benches/run record`.

use std::fs;
use std::io;
use std::path::Path;

/// Objects that belong together.
pub(crate) const OBJECTS_PER_APP: usize = 10;
/// Apps that share a namespace.
const APPS_PER_NAMESPACE: usize = 50;
/// The release that Git says, and that the cluster runs.
const RELEASE: &str = ":1.4.2";

/// How an object's text is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    plural: &'static str,
    name: &'static str,
    yaml: &'static str,
    large: Option<&'static str>,
    /// One leaf's text, and another value of it.
    leaf: (&'static str, &'static str),
    /// A patch that gives the live leaf that other value.
    patch: Patch,
}

/// A change of one leaf by a person.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patch {
    pub(crate) content_type: &'static str,
    pub(crate) body: &'static str,
}

/// What the objects are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// As Git and the cluster agree on.
    Clean,
    /// One leaf of every object has another value.
    Drifted,
    /// Deployments have 5 KB of YAML.
    Large,
}

const MERGE: &str = "application/merge-patch+json";
const CONFIG: Template = Template {
    api_version: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    name: "",
    yaml: "",
    large: None,
    leaf: ("LOG_LEVEL: info", "LOG_LEVEL: debug"),
    patch: Patch { content_type: MERGE, body: r#"{"data":{"LOG_LEVEL":"debug"}}"# },
};
const DEPLOYMENT: Template =
    Template { api_version: "apps/v1", kind: "Deployment", plural: "deployments", leaf: (RELEASE, ":1.4.3"), ..CONFIG };
const SERVICE: Template = Template {
    kind: "Service",
    plural: "services",
    leaf: ("app.kubernetes.io/component: ", "app.kubernetes.io/component: canary-"),
    patch: Patch { content_type: MERGE, body: r#"{"spec":{"selector":{"app.kubernetes.io/component":"canary"}}}"# },
    ..CONFIG
};

/// The ten objects of an app.
pub(crate) const APP: [Template; OBJECTS_PER_APP] = [
    Template { name: "app-00000-settings", yaml: include_str!("objects/configmap-settings.yaml"), ..CONFIG },
    Template { name: "app-00000-proxy", yaml: include_str!("objects/configmap-proxy.yaml"), ..CONFIG },
    Template { name: "app-00000-worker", yaml: include_str!("objects/configmap-worker.yaml"), ..CONFIG },
    Template { name: "app-00000-rules", yaml: include_str!("objects/configmap-rules.yaml"), ..CONFIG },
    Template {
        name: "app-00000-web",
        yaml: include_str!("objects/deployment-web.yaml"),
        large: Some(include_str!("objects/deployment-large-web.yaml")),
        patch: Patch {
            content_type: "application/strategic-merge-patch+json",
            body: r#"{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.example.com/shop/web:1.4.3"}]}}}}"#,
        },
        ..DEPLOYMENT
    },
    Template {
        name: "app-00000-worker",
        yaml: include_str!("objects/deployment-worker.yaml"),
        large: Some(include_str!("objects/deployment-large-worker.yaml")),
        patch: Patch {
            content_type: "application/strategic-merge-patch+json",
            body: r#"{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.example.com/shop/worker:1.4.3"}]}}}}"#,
        },
        ..DEPLOYMENT
    },
    Template { name: "app-00000-web", yaml: include_str!("objects/service-web.yaml"), ..SERVICE },
    Template { name: "app-00000-worker", yaml: include_str!("objects/service-worker.yaml"), ..SERVICE },
    Template {
        kind: "Secret",
        plural: "secrets",
        name: "app-00000-database",
        yaml: include_str!("objects/secret.yaml"),
        leaf: ("Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5", "c3RhcGxlLWNvcnJlY3QtYmF0dGVyeQ=="),
        patch: Patch { content_type: MERGE, body: r#"{"data":{"password":"c3RhcGxlLWNvcnJlY3QtYmF0dGVyeQ=="}}"# },
        ..CONFIG
    },
    Template {
        api_version: "rbac.authorization.k8s.io/v1",
        kind: "Role",
        plural: "roles",
        name: "app-00000",
        yaml: include_str!("objects/role.yaml"),
        leaf: ("verbs: [get, watch]", "verbs: [get, watch, delete]"),
        patch: Patch {
            content_type: MERGE,
            body: r#"{"rules":[{"apiGroups":[""],"resources":["configmaps"],"verbs":["get","watch","delete"]}]}"#,
        },
        ..CONFIG
    },
];

const LIVE: &str = include_str!("objects/live.jsonl");

impl Template {
    /// The object as Git says it.
    pub(crate) fn yaml(&self, app: usize, flavour: Flavour) -> String {
        let text = match (flavour, self.large) {
            (Flavour::Large, Some(large)) => large,
            _ => self.yaml,
        };
        let named = renamed(text, app);
        match flavour {
            Flavour::Drifted => named.replacen(self.leaf.0, self.leaf.1, 1),
            Flavour::Clean | Flavour::Large => named,
        }
    }

    /// The name of the object.
    pub(crate) fn name_of(&self, app: usize) -> String {
        renamed(self.name, app)
    }

    /// The address of the object.
    pub(crate) fn path(&self, app: usize) -> String {
        format!("{}/{}", self.list_path(&namespace(app)), renamed(self.name, app))
    }

    fn list_path(&self, namespace: &str) -> String {
        format!("{}/namespaces/{namespace}/{}", root(self.api_version), self.plural)
    }

    /// The other value for its leaf, by a person's hand.
    pub(crate) fn patch(&self) -> Patch {
        self.patch
    }
}

/// The namespace of an app.
pub(crate) fn namespace(app: usize) -> String {
    format!("shop-{:03}", app / APPS_PER_NAMESPACE)
}

/// The namespaces of the first apps.
pub(crate) fn namespaces(apps: usize) -> Vec<String> {
    (0..apps).step_by(APPS_PER_NAMESPACE).map(namespace).collect()
}

/// The lists that hold the first apps: one of the whole cluster for each kind, as a scan asks for them above eight
/// namespaces.
pub(crate) fn lists(apps: usize) -> Vec<String> {
    let mut kinds: Vec<(&str, &str)> = APP.iter().map(|t| (t.api_version, t.plural)).collect();
    kinds.dedup();
    let namespaces = namespaces(apps);
    let everywhere = namespaces.len() > 8;
    let in_namespaces = |(api_version, plural): &(&str, &str)| -> Vec<String> {
        let root = root(api_version);
        if everywhere {
            vec![format!("{root}/{plural}")]
        } else {
            namespaces.iter().map(|n| format!("{root}/namespaces/{n}/{plural}")).collect()
        }
    };
    kinds.iter().flat_map(in_namespaces).collect()
}

/// An app's ten objects in one file.
pub(crate) fn app_yaml(app: usize, flavour: Flavour) -> String {
    APP.iter().map(|template| template.yaml(app, flavour)).collect::<Vec<_>>().join("---\n")
}

/// An app's ten objects as the API server gave them for the first one, in the order of [`APP`].
pub(crate) fn app_live(app: usize) -> impl Iterator<Item = String> {
    LIVE.lines().map(move |line| renamed(line, app))
}

fn renamed(text: &str, app: usize) -> String {
    text.replace("app-00000", &format!("app-{app:05}")).replace("shop-000", &namespace(app))
}

fn root(api_version: &str) -> String {
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

/// Writes the first apps into a folder, a file each; gives back the number of bytes.
pub(crate) fn write_folder(folder: &Path, apps: usize, flavour: Flavour) -> io::Result<usize> {
    let mut bytes = 0;
    for app in 0..apps {
        let text = app_yaml(app, flavour);
        let place = folder.join(namespace(app));
        fs::create_dir_all(&place)?;
        fs::write(place.join(format!("app-{app:05}.yaml")), &text)?;
        bytes += text.len();
    }
    Ok(bytes)
}

/// Writes the first apps' older releases, oldest first, so that each file has a past when they are committed one by one.
pub(crate) fn write_older(folder: &Path, apps: usize, flavour: Flavour, release: &str) -> io::Result<()> {
    for app in 0..apps {
        let text = app_yaml(app, flavour).replace(RELEASE, release);
        let place = folder.join(namespace(app));
        fs::create_dir_all(&place)?;
        fs::write(place.join(format!("app-{app:05}.yaml")), text)?;
    }
    Ok(())
}

/// Writes the first apps' live state as `kubectl get -o json` gives it, a file for each namespace.
pub(crate) fn write_snapshot(folder: &Path, apps: usize) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let mut bytes = 0;
    for first in (0..apps).step_by(APPS_PER_NAMESPACE) {
        let members = first..apps.min(first + APPS_PER_NAMESPACE);
        let items: Vec<String> = members.flat_map(app_live).collect();
        let text = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, items.join(",\n"));
        fs::write(folder.join(format!("{}.json", namespace(first))), &text)?;
        bytes += text.len();
    }
    Ok(bytes)
}
