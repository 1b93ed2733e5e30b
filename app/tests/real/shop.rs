//! A small shop: the objects that most of these tests deliver and edit.

/// Everything, in one namespace.
pub(crate) fn manifests(namespace: &str) -> String {
    SHOP.replace("NAMESPACE", namespace)
}

const SHOP: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: NAMESPACE
  labels:
    app: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: shop/web:1.4.2
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: LOG_LEVEL
              value: info
          resources:
            limits:
              cpu: 1000m
              memory: 0.5Gi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: worker
  namespace: NAMESPACE
spec:
  replicas: 1
  selector:
    matchLabels:
      app: worker
  template:
    metadata:
      labels:
        app: worker
    spec:
      containers:
        - name: worker
          image: shop/worker:3
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: conf
  namespace: NAMESPACE
data:
  flag: "on"
  level: info
---
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: NAMESPACE
stringData:
  password: not-a-real-password
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: NAMESPACE
spec:
  selector:
    app: web
  ports:
    - name: http
      port: 80
      targetPort: http
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
  namespace: NAMESPACE
spec:
  podSelector: {}
  ingress:
    - ports:
        - port: 8080
"#;
